// Appends to a stream: what is asked for while a batch is on its way goes into the next, and whoever was overtaken plans anew.
import type { Clock } from '../../lib/clock.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import { decodeEvent } from '../event-codec.ts';
import type { AppendResult } from '../event-log.ts';
import { type PlannedEvent, type PreparedAppend, planAppend } from './append-plan.ts';
import type { LogFollower } from './shared-follower.ts';
import { collect, readPositions } from './shared-range.ts';
import type { SharedStream } from './shared-stream.ts';
import { ReplicaView } from './shared-view.ts';

/** What a writer needs. */
export interface WriterOptions {
  readonly stream: SharedStream;
  readonly follower: LogFollower;
  readonly clock: Clock;
}

interface Request {
  readonly batch: readonly PreparedAppend[];
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (reason: unknown) => void;
}

/** Times that other writers may be quicker before an append is given up; each time one of them has got on. */
const maxOvertaken = 200;
/** After so many times the others are given way, each writer a different while. */
const politeAfter = 3;

/** The only writer of its log in this process; others elsewhere are met by the stream's last sequence, which every append states. */
export class StreamWriter {
  readonly #options: WriterOptions;
  #queue: Request[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  append(batch: readonly PreparedAppend[]): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
    });
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // What is asked for in the same turn goes together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        const results = await this.#commit(group.map((request) => request.batch));
        for (const [i, result] of results.entries()) group[i]?.resolve(result);
      } catch (error) {
        // One that can't be stored must not fail its neighbours.
        if (group.length > 1 && error instanceof MeshError && error.code === 'exhausted') await this.#oneByOne(group);
        else for (const request of group) request.reject(error);
      }
    }
  }

  async #oneByOne(group: readonly Request[]): Promise<void> {
    for (const request of group) {
      try {
        const [result] = await this.#commit([request.batch]);
        if (result !== undefined) request.resolve(result);
      } catch (error) {
        request.reject(error);
      }
    }
  }

  /** Requests that are stored together; the first in any case. */
  #takeGroup(): readonly Request[] {
    let events = 0;
    let count = 0;
    for (const { batch } of this.#queue) {
      events += batch.length;
      // Room for a checkpoint.
      if (count > 0 && events >= this.#options.stream.groupEvents) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Stores a group durably and gives each request's result. */
  async #commit(group: readonly (readonly PreparedAppend[])[]): Promise<readonly AppendResult[]> {
    const { clock, follower } = this.#options;
    for (let overtaken = 0; overtaken < maxOvertaken; overtaken++) {
      if (overtaken >= politeAfter) await clock.sleep(Math.random() * Math.min(overtaken * 2, 50));
      if (!follower.replica.atBatchEnd) await follower.catchUp();
      this.#assertSound();
      const known = await this.#known(group);
      const { results, planned } = plan(group, new ReplicaView(follower.replica, known));
      if (planned.length === 0 || (await this.#store(planned))) return results;
      await follower.catchUp();
    }
    throw new MeshError('unavailable', 'other writers of the log are always quicker');
  }

  /** False when someone else has written first. */
  async #store(planned: readonly PlannedEvent[]): Promise<boolean> {
    const { follower, stream } = this.#options;
    const stored = await stream.publish(planned, follower.replica.sequence);
    if (stored === undefined) return false;
    for (const message of stored) follower.accept(message);
    this.#assertSound();
    return true;
  }

  /** What lies wherever an id of the group may be recorded already; complete at the moment it resolves. */
  async #known(group: readonly (readonly PreparedAppend[])[]): Promise<ReadonlyMap<number, RecordedEvent>> {
    const { follower, stream } = this.#options;
    const { replica } = follower;
    const known = new Map<number, RecordedEvent>();
    for (;;) {
      const missing = new Set<number>();
      for (const { event } of group.flat())
        for (const position of replica.candidates(event.id)) if (!known.has(position)) missing.add(position);
      if (missing.size === 0) return known;
      for (const { position, text } of await collect(readPositions({ stream, replica }, [...missing])))
        known.set(position, decodeEvent(text));
    }
  }

  #assertSound(): void {
    const { fault } = this.#options.follower;
    if (fault === undefined) return;
    const message = `nothing more is written, the log is damaged: ${fault.message}`;
    throw new MeshError('corrupt', message, { cause: fault });
  }
}

function plan(
  group: readonly (readonly PreparedAppend[])[],
  view: ReplicaView,
): { readonly results: readonly AppendResult[]; readonly planned: readonly PlannedEvent[] } {
  const results: AppendResult[] = [];
  const planned: PlannedEvent[] = [];
  for (const batch of group) {
    const { batches, result } = planAppend(view, batch);
    for (const events of batches) {
      view.advance(events);
      planned.push(...events);
    }
    results.push(result);
  }
  return { results, planned };
}
