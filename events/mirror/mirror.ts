// Copies a log, event by event and in order, to a place outside: at least once, from where the copy ends, and never in the log's way.
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { type Service, supervise } from '../../lib/service.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { EventLog } from '../event-log.ts';
import type { Leases } from '../lease.ts';
import type { MirrorPlace, MirrorSession, MirrorTarget } from './mirror-target.ts';

/** What a mirror is made of. */
export interface MirrorOptions {
  /** `facts` or `deliveries`. */
  readonly name: string;
  readonly log: EventLog;
  readonly target: MirrorTarget;
  /** Where processes share the log: one of them mirrors. */
  readonly leases?: Leases | undefined;
  /** Who this process is, for the lease. */
  readonly holder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How far a mirror is. */
export interface MirrorStatus {
  readonly log: string;
  readonly target: string;
  readonly state: 'starting' | 'standby' | 'copying' | 'failing';
  /** Everything up to here is in the copy, as far as this process knows. */
  readonly position: number;
  /** The log's end as it was a moment ago. */
  readonly headPosition: number;
  /** Events that this process has sent, repetitions included. */
  readonly sentEvents: number;
  /** Times that it broke off. */
  readonly failures: number;
}

/** Events sent at a time: enough to fill the round trip, little to send again after a crash. */
const sendEvents = 500;
/** Characters of their data: below the 1 MB that a Kafka topic takes in a batch by default. */
const sendChars = 512 * 1024;
/** How often the log's end is looked at for the metrics: more often than anybody scrapes. */
const headEveryMs = 1_000;

/** One log's mirror. Whatever fails is begun again with backoff, from the place that the target keeps. */
export class LogMirror {
  readonly #options: MirrorOptions;
  #status: MirrorStatus;

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { name, target } = options;
    const start = { position: 0, headPosition: 0, sentEvents: 0, failures: 0 };
    this.#status = { log: name, target: target.name, state: 'starting', ...start };
  }

  get status(): MirrorStatus {
    return this.#status;
  }

  get services(): readonly Service[] {
    const { name } = this.#options;
    return [
      { name: `mirror of ${name}`, run: (signal) => this.#run(signal) },
      { name: `lag of the mirror of ${name}`, run: (signal) => this.#watchHead(signal) },
    ];
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, holder, leases, logger, name, target } = this.#options;
    const onStandby = () => this.#set({ state: 'standby' });
    const lease = await leases?.acquire(`mirror/${target.name}/${name}`, { holder, signal, onStandby });
    const stop = lease === undefined ? signal : AbortSignal.any([signal, lease.lost]);
    // Begun again and again under one lease: a broker that is away is no reason to hand over.
    const mirroring = { name: `mirror of ${name} to ${target.name}`, run: () => this.#attempt(stop) };
    try {
      await supervise([mirroring], { signal: stop, clock, logger });
    } finally {
      await lease?.release();
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    try {
      await this.#mirror(signal);
    } catch (error) {
      if (!signal.aborted) this.#set({ state: 'failing', failures: this.#status.failures + 1 });
      throw error;
    }
  }

  async #mirror(signal: AbortSignal): Promise<void> {
    const { log, logger, name, target } = this.#options;
    const session = await target.open(name, signal);
    try {
      const after = await this.#startAfter(session);
      logger.info({ log: name, target: target.name, after }, 'mirroring');
      this.#set({ state: 'copying', position: after });
      for await (const { bookmark, events } of log.subscribe({ after, signal })) {
        for (const chunk of chunksOf(events)) {
          await session.send(chunk);
          this.#set({ sentEvents: this.#status.sentEvents + chunk.length });
          signal.throwIfAborted();
        }
        if (bookmark === this.#status.position) continue;
        const { hash } = await log.head(bookmark);
        await session.note({ position: bookmark, hash });
        this.#set({ position: bookmark });
      }
    } finally {
      await session.close();
    }
  }

  /** Where to go on. Throws MeshError `invalid` when what is there was not copied from this log. */
  async #startAfter(session: MirrorSession): Promise<number> {
    const { log, target } = this.#options;
    const place = await session.place();
    if (place === undefined) return 0;
    const problem = placeProblem(place, await log.head(place.position));
    if (problem === undefined) return place.position;
    const advice = 'mirror to another topic, or delete this one and its positions to begin anew';
    throw new MeshError('invalid', `${target.name} holds the copy of another log: ${problem}; ${advice}`);
  }

  async #watchHead(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      this.#set({ headPosition: (await log.head()).position });
      await clock.sleep(headEveryMs, signal).catch(() => {});
    }
  }

  #set(change: Partial<MirrorStatus>): void {
    this.#status = { ...this.#status, ...change };
  }
}

/** What is wrong with a place, given the log's head as of its position; undefined when it is of this log. */
export function placeProblem(place: MirrorPlace, head: MirrorPlace): string | undefined {
  if (head.position < place.position) return `it goes up to ${place.position}, this log ends at ${head.position}`;
  return head.hash === place.hash ? undefined : `the log up to ${place.position} was another one`;
}

/** Events in their order, in portions that can be sent at once; an event that is too large for one is sent alone. */
export function* chunksOf(events: readonly RecordedEvent[]): Generator<readonly RecordedEvent[]> {
  let chunk: RecordedEvent[] = [];
  let chars = 0;
  for (const event of events) {
    const size = JSON.stringify(event.data).length;
    if (chunk.length > 0 && (chunk.length >= sendEvents || chars + size > sendChars)) {
      yield chunk;
      chunk = [];
      chars = 0;
    }
    chunk.push(event);
    chars += size;
  }
  if (chunk.length > 0) yield chunk;
}
