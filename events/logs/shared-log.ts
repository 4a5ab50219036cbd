// The log that several processes share: one stream on a server; the port's promises kept from a replica in memory and reads of the server.
import { MeshError } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import { decodeEvent } from '../event-codec.ts';
import { eventFilter } from '../event-filter.ts';
import { hashEventText, rollHash } from '../event-hash.ts';
import type {
  Append,
  AppendResult,
  EventBatch,
  EventLog,
  Head,
  LogSnapshot,
  ReadOptions,
  Verification,
} from '../event-log.ts';
import { type Upcasts, upcastEvent } from '../upcast.ts';
import { prepareAppends } from './append-plan.ts';
import { assertSnapshotFits, closedError, parseTime } from './log-checks.ts';
import type { LogFollower } from './shared-follower.ts';
import { collect, type RangeSource, readPositions, readSpan, readSpanReverse } from './shared-range.ts';
import type { LogReplica } from './shared-replica.ts';
import { writeSeen } from './shared-seen.ts';
import type { EventText, SharedSnapshots, SharedStream } from './shared-stream.ts';
import { verifyStream } from './shared-verify.ts';
import type { StreamWriter } from './shared-writer.ts';
import { type EventsThrough, type HeadWaiters, type SubscriptionSource, subscribeTo } from './subscription.ts';

/** The parts of a log, put together in shared-open.ts. */
export interface SharedLogParts {
  readonly follower: LogFollower;
  readonly stream: SharedStream;
  readonly writer: StreamWriter;
  readonly snapshots: SharedSnapshots;
  readonly waiters: HeadWaiters;
  /** Where to remember how far the log has been seen. */
  readonly seenFile: string | undefined;
  readonly upcasts: Upcasts | undefined;
  /** Called once, when the log is closed. */
  readonly onClose: () => Promise<void>;
}

/** Events a subscription takes at a time while it catches up; whole batches may make it more. */
const subscriptionChunk = 1000;
/** The same when they are read from the server: several requests are under way one after the other. */
const serverChunk = 4000;
/** What has been seen is remembered this often at most: a crash forgets no more than what it saw since. */
const rememberEveryMs = 500;

/**
 * An `EventLog` in a stream. Reads go to the server, so that damage there shows; subscriptions that keep up are served from memory.
 * Once damage has been seen, appends are rejected as `corrupt` while reads give all that lies before it.
 */
export class SharedLog implements EventLog {
  readonly #parts: SharedLogParts;
  readonly #source: RangeSource;
  #closed = false;
  #trusted = false;
  #remembering: NodeJS.Timeout | undefined;

  constructor(parts: SharedLogParts) {
    this.#parts = parts;
    this.#source = { stream: parts.stream, replica: parts.follower.replica };
  }

  get #replica(): LogReplica {
    return this.#parts.follower.replica;
  }

  /** To be called when the follower has moved on. */
  changed(): void {
    const { fault } = this.#parts.follower;
    if (fault === undefined) this.#parts.waiters.wake();
    else this.#parts.waiters.fail(fault);
    if (this.#parts.seenFile === undefined || this.#closed || !this.#trusted) return;
    this.#remembering ??= setTimeout(() => this.#remember(), rememberEveryMs).unref();
  }

  /** To be called once the log is known to continue what was seen before: from now on its head is remembered. */
  trust(): void {
    this.#trusted = true;
    this.changed();
  }

  async append(batch: readonly Append[]): Promise<AppendResult> {
    this.#assertOpen();
    const prepared = prepareAppends(batch);
    if (prepared.length === 0) return { ok: true, position: this.#replica.head.position, events: [] };
    const result = await this.#parts.writer.append(prepared);
    return result.ok ? { ...result, events: result.events.map((event) => this.#upcast(event)) } : result;
  }

  read(options: ReadOptions = {}): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    const { position } = this.#replica.head;
    return this.#read(options, Math.max(1, options.from ?? 1), Math.min(position, options.to ?? position));
  }

  async *#read(options: ReadOptions, from: number, to: number): AsyncGenerator<RecordedEvent> {
    const wanted = eventFilter(options);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0 || to < from) return;
    try {
      for await (const chunk of this.#chunks(options, from, to)) {
        for (const { text } of chunk) {
          const event = decodeEvent(text);
          if (wanted !== undefined && !wanted(event)) continue;
          yield this.#upcast(event);
          if (--left <= 0) return;
        }
        this.#assertOpen();
      }
      const { fault } = this.#parts.follower;
      // What lies behind the damage was asked for, or may be.
      if (fault !== undefined && options.reverse !== true && (options.to ?? Number.POSITIVE_INFINITY) > to) throw fault;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Chunks of events that may pass the filter, in the order wanted. */
  #chunks(options: ReadOptions, from: number, to: number): AsyncGenerator<readonly EventText[]> {
    const { limit = Number.POSITIVE_INFINITY, reverse = false, subject, types } = options;
    if (subject !== undefined) {
      const positions = this.#replica.positionsOf(subject, from, to);
      return readPositions(this.#source, reverse ? positions.toReversed() : positions);
    }
    if (reverse) return readSpanReverse(this.#source, { from, to });
    return readSpan(this.#source, { from, to: types === undefined ? Math.min(to, from + limit - 1) : to });
  }

  subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncIterable<EventBatch> {
    this.#assertOpen();
    const log = this;
    const wanted = eventFilter(options);
    const source: SubscriptionSource = {
      get head() {
        return log.#replica.head.position;
      },
      readAfter: (position) => log.#readAfter(position, wanted),
      beyond: (position, signal) => log.#beyond(position, signal),
    };
    return subscribeTo(source, options.after, options.signal);
  }

  async #beyond(position: number, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    const { follower, waiters } = this.#parts;
    if (this.#replica.head.position !== position) return;
    if (follower.fault !== undefined) throw follower.fault;
    await waiters.wait(signal);
  }

  async #readAfter(position: number, wanted: ((event: RecordedEvent) => boolean) | undefined): Promise<EventsThrough> {
    this.#assertOpen();
    const head = this.#replica.head.position;
    const recent = this.#replica.recent.range(position + 1, head);
    const texts = recent === undefined ? await this.#batchesAfter(position, head) : firstBatches(recent);
    let events = texts.map(({ text }) => decodeEvent(text));
    if (wanted !== undefined) events = events.filter(wanted);
    return { events: events.map((event) => this.#upcast(event)), through: position + texts.length };
  }

  /** Whole batches, read from the server. What lies before damage is given first. */
  async #batchesAfter(position: number, head: number): Promise<readonly EventText[]> {
    const texts: EventText[] = [];
    for (let end = position; ; ) {
      const span = { from: end + 1, to: Math.min(end + serverChunk, head) };
      let problem: unknown;
      try {
        for await (const chunk of readSpan(this.#source, span)) for (const event of chunk) texts.push(event);
      } catch (error) {
        problem = this.#noted(error);
      }
      const whole = texts.slice(0, texts.findLastIndex((event) => event.endsBatch) + 1);
      if (whole.length > 0) return whole;
      if (problem !== undefined) throw problem;
      // A batch that is larger than a chunk.
      end = span.to;
    }
  }

  async head(position = this.#replica.head.position): Promise<Head> {
    this.#assertOpen();
    const { head } = this.#replica;
    if (position >= head.position) return head;
    if (position < 1) return { position: 0, hash: '', time: undefined };
    const kept = this.#replica.hashBefore(position);
    const span = { from: Math.min(kept.position + 1, position), to: position };
    let { hash } = kept;
    let time: string | undefined;
    for (const event of await this.#collect(span)) {
      if (event.position > kept.position) hash = rollHash(hash, hashEventText(event.text));
      time = decodeEvent(event.text).time;
    }
    return { position, hash, time };
  }

  async subjectVersion(subject: string): Promise<number> {
    this.#assertOpen();
    return this.#replica.subject(subject)?.version ?? 0;
  }

  async positionAt(time: string): Promise<number> {
    this.#assertOpen();
    const timeMs = parseTime(time);
    for (let to = this.#replica.head.position; to > 0; ) {
      const span = this.#replica.spanAt(timeMs, to);
      if (span === undefined) break;
      const events = await this.#collect(span);
      const last = events.findLast(({ text }) => Date.parse(decodeEvent(text).time) <= timeMs);
      if (last !== undefined) return last.position;
      to = span.from - 1;
    }
    return 0;
  }

  async saveSnapshot(snapshot: LogSnapshot): Promise<void> {
    assertSnapshotFits(snapshot, await this.head(snapshot.position));
    await this.#parts.snapshots.save(snapshot);
  }

  async loadSnapshot(name: string, position = this.#replica.head.position): Promise<LogSnapshot | undefined> {
    this.#assertOpen();
    const newest = Math.min(position, this.#replica.head.position);
    for await (const snapshot of this.#parts.snapshots.load(name, newest))
      if (snapshot.hash === (await this.head(snapshot.position)).hash) return snapshot;
    return undefined;
  }

  async verify(): Promise<Verification> {
    this.#assertOpen();
    const { follower } = this.#parts;
    await follower.catchUp();
    const result = await verifyStream(this.#source, {
      damaged: follower.fault,
      hashAt: async (position) => (await this.head(position)).hash,
      assertOpen: () => this.#assertOpen(),
    });
    if (!result.ok) follower.noteFault(new MeshError('corrupt', `position ${result.position}: ${result.problem}`));
    return result;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.waiters.fail(closedError());
    await this.#parts.writer.idle();
    await this.#parts.follower.stop();
    clearTimeout(this.#remembering);
    this.#remember();
    await this.#parts.onClose();
  }

  #remember(): void {
    this.#remembering = undefined;
    const { seenFile, follower } = this.#parts;
    const { position, hash } = this.#replica.head;
    if (seenFile === undefined || !this.#trusted || position === 0 || follower.fault !== undefined) return;
    writeSeen(seenFile, { position, hash });
  }

  async #collect(span: { readonly from: number; readonly to: number }): Promise<readonly EventText[]> {
    try {
      return await collect(readSpan(this.#source, span));
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #upcast(event: RecordedEvent): RecordedEvent {
    return upcastEvent(event, this.#parts.upcasts);
  }

  #noted(error: unknown): unknown {
    const { follower } = this.#parts;
    if (error instanceof MeshError && error.code === 'corrupt') follower.noteFault(error);
    // What can't be read from a damaged log is not there; waiting for it would not help.
    else if (error instanceof MeshError && error.code === 'unavailable' && follower.fault !== undefined)
      return follower.fault;
    return error;
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** The first batches, whole, until there are enough. */
function firstBatches(texts: readonly EventText[]): readonly EventText[] {
  const end = texts.findIndex((event, i) => event.endsBatch && i + 1 >= subscriptionChunk);
  return end < 0 ? texts : texts.slice(0, end + 1);
}
