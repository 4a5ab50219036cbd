// A log in one SQLite file: durable on every append, with group commit. sqlite.ts opens it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MeshError } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import { eventFilter } from '../event-filter.ts';
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
import { type PreparedAppend, planAppend, prepareAppends } from './append-plan.ts';
import { assertSnapshotFits, closedError, parseTime } from './log-checks.ts';
import { GroupView } from './sqlite-group.ts';
import { SqliteStore } from './sqlite-store.ts';
import { headAt, inspectTail, verifyStore } from './sqlite-verify.ts';
import { damagedWalOf, inspectWal, keepDamagedWal } from './sqlite-wal.ts';
import { HeadWaiters, type SubscriptionSource, subscribeTo } from './subscription.ts';

/** What a log is opened with. */
export interface SqliteLogOptions {
  readonly upcasts?: Upcasts;
  /** Called once, when the log is closed. */
  readonly onClose?: () => void;
}

interface Request {
  readonly batch: readonly PreparedAppend[];
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (reason: unknown) => void;
}

/** Events in a transaction before the rest waits for the next: keeps a flood from stopping the event loop for long. */
const maxGroupEvents = 4000;

/**
 * An `EventLog` in one SQLite file; made by sqlite.ts, which takes the lock that keeps other processes from writing. Once damage has
 * been seen, appends are rejected as `corrupt` (what follows a wrong past would be wrong too) while reads give all before it.
 */
export class SqliteLog implements EventLog {
  readonly #path: string;
  readonly #store: SqliteStore;
  readonly #options: SqliteLogOptions;
  #head: Head;
  #lastCheckpoint: number;
  #fault: MeshError | undefined;
  #closed = false;
  #queue: Request[] = [];
  #flushing: NodeJS.Immediate | undefined;
  readonly #waiters = new HeadWaiters();

  constructor(path: string, options: SqliteLogOptions = {}) {
    this.#path = path;
    this.#options = options;
    const walPath = `${path}-wal`;
    const wal = inspectWal(walPath);
    if (wal.damaged) keepDamagedWal(walPath);
    this.#store = new SqliteStore(path);
    const tail = inspectTail(this.#store);
    this.#head = tail.head;
    this.#lastCheckpoint = tail.lastCheckpoint;
    this.#fault = tail.problem ?? lostEvents(walPath, tail.head);
  }

  append(batch: readonly Append[]): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      if (this.#fault !== undefined) throw this.#stopped(this.#fault);
      this.#queue.push({ batch: prepareAppends(batch), resolve, reject });
      this.#flushing ??= setImmediate(() => this.#flush());
    });
  }

  read(options: ReadOptions = {}): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    const from = Math.max(1, options.from ?? 1);
    const to = Math.min(this.#head.position, options.to ?? this.#head.position);
    return this.#read(options, from, to);
  }

  async *#read(options: ReadOptions, from: number, to: number): AsyncGenerator<RecordedEvent> {
    const wanted = eventFilter(options);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0 || to < from) return;
    for await (const chunk of this.#chunks(options, from, to)) {
      for (const stored of chunk) {
        if (wanted !== undefined && !wanted(stored)) continue;
        yield upcastEvent(stored, this.#options.upcasts);
        if (--left <= 0) return;
      }
    }
  }

  /** Chunks of stored events that may pass the filter; the database is at rest while a chunk is consumed. */
  async *#chunks(options: ReadOptions, from: number, to: number): AsyncGenerator<readonly RecordedEvent[]> {
    const { subject, reverse = false } = options;
    const listed = subject === undefined ? undefined : this.#guarded(() => this.#store.positionsOf(subject, from, to));
    if (listed !== undefined) {
      for (const position of reverse ? listed.toReversed() : listed) {
        this.#assertOpen();
        yield [this.#guarded(() => this.#store.rows.at(position))];
      }
      return;
    }
    while (from <= to) {
      this.#assertOpen();
      const { events, problem } = this.#store.rows.chunk({ from, to, reverse });
      yield events;
      if (problem !== undefined) throw this.#noted(problem);
      if (reverse) to -= events.length;
      else from += events.length;
      await nextTurn();
    }
  }

  subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncIterable<EventBatch> {
    this.#assertOpen();
    const log = this;
    const wanted = eventFilter(options);
    const source: SubscriptionSource = {
      get head() {
        return log.#head.position;
      },
      readAfter: (position) => log.#readAfter(position, wanted),
      beyond: async (position, signal) => {
        log.#assertOpen();
        if (log.#head.position === position) await log.#waiters.wait(signal);
      },
    };
    return subscribeTo(source, options.after, options.signal);
  }

  #readAfter(
    position: number,
    wanted: ((event: RecordedEvent) => boolean) | undefined,
  ): ReturnType<SubscriptionSource['readAfter']> {
    this.#assertOpen();
    const to = this.#head.position;
    const chunk = this.#store.rows.chunk({ from: position + 1, to, reverse: false });
    let { events, problem } = chunk;
    const reached = position + events.length;
    const end = Math.min(
      this.#guarded(() => this.#store.batchEnd(reached)),
      to,
    );
    if (problem === undefined && end > reached) {
      const rest = this.#store.rows.chunk({ from: reached + 1, to: end, reverse: false }, true);
      events = events.concat(rest.events);
      problem = rest.problem;
    }
    if (problem !== undefined) events = this.#wholeBatches(events);
    if (problem !== undefined && events.length === 0) throw this.#noted(problem);
    const through = position + events.length;
    if (wanted !== undefined) events = events.filter(wanted);
    return { events: events.map((event) => upcastEvent(event, this.#options.upcasts)), through };
  }

  /** The events up to the last that ends its batch. */
  #wholeBatches(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
    const ends = (event: RecordedEvent) => this.#store.batchEnd(event.position) === event.position;
    return events.slice(0, events.findLastIndex(ends) + 1);
  }

  async head(position = this.#head.position): Promise<Head> {
    this.#assertOpen();
    return position >= this.#head.position ? this.#head : this.#guarded(() => headAt(this.#store, position));
  }

  async subjectVersion(subject: string): Promise<number> {
    this.#assertOpen();
    return this.#guarded(() => this.#store.subject(subject)?.version ?? 0);
  }

  async positionAt(time: string): Promise<number> {
    this.#assertOpen();
    const timeMs = parseTime(time);
    return this.#guarded(() => this.#store.positionAt(timeMs));
  }

  async saveSnapshot(snapshot: LogSnapshot): Promise<void> {
    assertSnapshotFits(snapshot, await this.head(snapshot.position));
    this.#guarded(() => this.#store.saveSnapshot(snapshot));
  }

  async loadSnapshot(name: string, position = this.#head.position): Promise<LogSnapshot | undefined> {
    this.#assertOpen();
    return this.#guarded(() => {
      for (const snapshot of this.#store.snapshots(name, position)) {
        if (snapshot.position <= this.#head.position && snapshot.hash === this.#store.logHash(snapshot.position))
          return snapshot;
      }
      return undefined;
    });
  }

  async verify(): Promise<Verification> {
    this.#assertOpen();
    const result = await verifyStore(this.#store, this.#head, () => this.#assertOpen());
    if (!result.ok)
      this.#noted(new MeshError('corrupt', `${this.#path}: position ${result.position}: ${result.problem}`));
    return result;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#queue.length > 0) this.#flush();
    this.#closed = true;
    this.#waiters.fail(closedError());
    this.#store.close();
    this.#options.onClose?.();
  }

  /** Commits what has been asked for since the last time in one transaction; each request gets its own result. */
  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const group = this.#takeGroup();
    if (this.#queue.length > 0) this.#flushing = setImmediate(() => this.#flush());
    try {
      const results = this.#commit(group.map((request) => request.batch));
      for (const [i, result] of results.entries()) group[i]?.resolve(result);
    } catch (error) {
      this.#noted(error);
      for (const request of group) request.reject(error);
    }
    this.#waiters.wake();
  }

  #takeGroup(): readonly Request[] {
    let events = 0;
    let count = 0;
    while (count < this.#queue.length && events < maxGroupEvents) events += this.#queue[count++]?.batch.length ?? 0;
    return this.#queue.splice(0, count);
  }

  /** Stores a group durably and gives each request's result. */
  #commit(group: readonly (readonly PreparedAppend[])[]): readonly AppendResult[] {
    if (this.#fault !== undefined) throw this.#stopped(this.#fault);
    const view = new GroupView(this.#store, this.#head, this.#lastCheckpoint);
    const results: AppendResult[] = [];
    this.#store.transaction(() => {
      for (const batch of group) {
        const plan = planAppend(view, batch);
        for (const planned of plan.batches) {
          this.#store.insert(planned);
          view.advance(planned);
        }
        results.push(plan.result);
      }
    });
    this.#head = view.head;
    this.#lastCheckpoint = view.lastCheckpoint;
    return results.map((result) => this.#upcastResult(result));
  }

  /** Events that had been recorded by an older build are given as reads give them. */
  #upcastResult(result: AppendResult): AppendResult {
    if (!result.ok) return result;
    return { ...result, events: result.events.map((event) => upcastEvent(event, this.#options.upcasts)) };
  }

  /** Runs a look-up; damage that it meets stops writes. */
  #guarded<T>(lookUp: () => T): T {
    try {
      return lookUp();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (error instanceof MeshError && error.code === 'corrupt') this.#fault ??= error;
    return error;
  }

  #stopped(fault: MeshError): MeshError {
    return new MeshError('corrupt', `nothing more is written, the log is damaged: ${fault.message}`, { cause: fault });
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** A damaged WAL that was found now or earlier: the events that it held are missing after the head of then. */
function lostEvents(walPath: string, head: Head): MeshError | undefined {
  const kept = damagedWalOf(walPath);
  if (kept === undefined) return undefined;
  const message = `the write-ahead log was damaged: acknowledged events after position ${head.position} are lost. Restore the folder`;
  return new MeshError('corrupt', `${message} from a copy, or remove ${kept} to go on without them`);
}
