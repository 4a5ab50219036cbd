// The log in memory: for tests and offline commands; the model that the other logs are compared with.
import { MeshError } from '../../lib/mesh-error.ts';
import { ChainVerifier } from '../chain-verifier.ts';
import { checkpointSubject } from '../checkpoint.ts';
import type { RecordedEvent } from '../envelope.ts';
import { decodeEvent, encodePlaced } from '../event-codec.ts';
import { eventFilter } from '../event-filter.ts';
import type {
  Append,
  AppendResult,
  EventBatch,
  EventLog,
  Head,
  LogSnapshot,
  MeshLogs,
  ReadOptions,
  Verification,
} from '../event-log.ts';
import { type Upcasts, upcastEvent } from '../upcast.ts';
import { type LogView, type PlannedEvent, planAppend, prepareAppends, type SubjectHead } from './append-plan.ts';
import { assertSnapshotFits, closedError, parseTime } from './log-checks.ts';
import { HeadWaiters, type SubscriptionSource, subscribeTo } from './subscription.ts';

/** Events a subscription takes at a time while it catches up; whole batches may make it more. */
const subscriptionChunk = 1000;

/** Both logs of a mesh, in memory. */
export function openMemoryLogs(): MeshLogs {
  return { facts: new MemoryLog(), deliveries: new MemoryLog() };
}

interface Row {
  /** Canonical JSON; parsed anew for every reader, so that none can alter what another sees. */
  readonly text: string;
  /** Beside the text, so that only what a reader wants is parsed. */
  readonly subject: string;
  readonly type: string;
  readonly timeMs: number;
  readonly logHash: string;
  /** Last position of the batch it was appended in. */
  readonly batchEnd: number;
}

/** An `EventLog` that is gone when the process is. */
export class MemoryLog implements EventLog {
  readonly #rows: Row[] = [];
  readonly #positions = new Map<string, number>();
  readonly #subjects = new Map<string, SubjectHead>();
  #snapshots: LogSnapshot[] = [];
  #lastCheckpoint = 0;
  #closed = false;
  readonly #waiters = new HeadWaiters();
  readonly #upcasts: Upcasts | undefined;
  readonly #view: LogView;

  constructor(options: { readonly upcasts?: Upcasts } = {}) {
    this.#upcasts = options.upcasts;
    const log = this;
    this.#view = {
      get position() {
        return log.#rows.length;
      },
      get logHash() {
        return log.#rows.at(-1)?.logHash ?? '';
      },
      get lastCheckpoint() {
        return log.#lastCheckpoint;
      },
      find: (id) => {
        const position = log.#positions.get(id);
        return position === undefined ? undefined : log.#event(position);
      },
      subject: (subject) => log.#subjects.get(subject),
    };
  }

  async append(batch: readonly Append[]): Promise<AppendResult> {
    this.#assertOpen();
    const plan = planAppend(this.#view, prepareAppends(batch));
    for (const planned of plan.batches) this.#store(planned);
    if (plan.batches.length > 0) this.#waiters.wake();
    return plan.result;
  }

  read(options: ReadOptions = {}): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    return this.#read(options, Math.min(this.#rows.length, options.to ?? this.#rows.length));
  }

  async *#read(options: ReadOptions, to: number): AsyncGenerator<RecordedEvent> {
    const { reverse = false, limit = Number.POSITIVE_INFINITY } = options;
    const from = Math.max(1, options.from ?? 1);
    const wanted = eventFilter(options);
    let left = limit;
    for (let step = 0; step <= to - from && left > 0; step++) {
      this.#assertOpen();
      const position = reverse ? to - step : from + step;
      if (wanted !== undefined && !wanted(this.#row(position))) continue;
      left--;
      yield this.#event(position);
    }
  }

  subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncIterable<EventBatch> {
    this.#assertOpen();
    const log = this;
    const wanted = eventFilter(options);
    const source: SubscriptionSource = {
      get head() {
        return log.#rows.length;
      },
      readAfter: (position) => {
        log.#assertOpen();
        const through = log.#batchEnd(Math.min(position + subscriptionChunk, log.#rows.length));
        const events: RecordedEvent[] = [];
        for (let at = position + 1; at <= through; at++)
          if (wanted === undefined || wanted(log.#row(at))) events.push(log.#event(at));
        return { events, through };
      },
      beyond: async (position, signal) => {
        log.#assertOpen();
        if (log.#rows.length === position) await log.#waiters.wait(signal);
      },
    };
    return subscribeTo(source, options.after, options.signal);
  }

  async head(position = this.#rows.length): Promise<Head> {
    this.#assertOpen();
    const at = Math.min(position, this.#rows.length);
    if (at < 1) return { position: 0, hash: '', time: undefined };
    return { position: at, hash: this.#row(at).logHash, time: this.#event(at).time };
  }

  async subjectVersion(subject: string): Promise<number> {
    this.#assertOpen();
    return this.#subjects.get(subject)?.version ?? 0;
  }

  async positionAt(time: string): Promise<number> {
    this.#assertOpen();
    const timeMs = parseTime(time);
    return this.#rows.findLastIndex((row) => row.timeMs <= timeMs) + 1;
  }

  async saveSnapshot(snapshot: LogSnapshot): Promise<void> {
    const head = await this.head(snapshot.position);
    assertSnapshotFits(snapshot, head);
    const others = this.#snapshots.filter((one) => one.name !== snapshot.name || one.position !== snapshot.position);
    this.#snapshots = [...others, { ...snapshot, state: snapshot.state.slice() }];
  }

  async loadSnapshot(name: string, position = this.#rows.length): Promise<LogSnapshot | undefined> {
    this.#assertOpen();
    let newest: LogSnapshot | undefined;
    for (const one of this.#snapshots) {
      if (one.name === name && one.position <= position && one.position > (newest?.position ?? -1)) newest = one;
    }
    return newest === undefined ? undefined : { ...newest, state: newest.state.slice() };
  }

  async verify(): Promise<Verification> {
    this.#assertOpen();
    const verifier = new ChainVerifier();
    for (const { text, logHash } of this.#rows) {
      const problem = verifier.add(decodeEvent(text), text);
      const position = verifier.state.position + (problem === undefined ? 0 : 1);
      if (problem !== undefined) return { ok: false, position, problem };
      if (verifier.state.hash !== logHash) return { ok: false, position, problem: 'the rolling hash is wrong' };
    }
    return { ok: true, events: this.#rows.length, head: verifier.state };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiters.fail(closedError());
  }

  #store(batch: readonly PlannedEvent[]): void {
    const batchEnd = batch.at(-1)?.event.position ?? 0;
    for (const { event, dataJson, hash, logHash } of batch) {
      const text = encodePlaced(event, event, dataJson);
      const { subject, type } = event;
      this.#rows.push({ text, subject, type, timeMs: Date.parse(event.time), logHash, batchEnd });
      this.#positions.set(event.id, event.position);
      this.#subjects.set(event.subject, { version: event.version, hash });
      if (event.subject === checkpointSubject) this.#lastCheckpoint = event.position;
    }
  }

  #row(position: number): Row {
    const row = this.#rows[position - 1];
    if (row === undefined) throw new MeshError('corrupt', `there is no event at position ${position}`);
    return row;
  }

  #event(position: number): RecordedEvent {
    return upcastEvent(decodeEvent(this.#row(position).text), this.#upcasts);
  }

  #batchEnd(position: number): number {
    return this.#row(position).batchEnd;
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}
