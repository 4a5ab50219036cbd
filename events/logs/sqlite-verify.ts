// Checks a SQLite log: its end whenever it is opened, all of it on request.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { ChainVerifier } from '../chain-verifier.ts';
import type { RecordedEvent } from '../envelope.ts';
import { encodeEvent } from '../event-codec.ts';
import { eventHash, rollHash } from '../event-hash.ts';
import type { Head, Verification } from '../event-log.ts';
import { blockOf, blockSize } from './sqlite-index.ts';
import type { SqliteStore } from './sqlite-store.ts';

/** Events at the end that are checked whenever a log is opened: where a crash would show, in a few milliseconds. */
const tailEvents = 1000;

/** The end of a log as found on opening it. */
export interface Tail {
  readonly head: Head;
  readonly lastCheckpoint: number;
  /** MeshError `corrupt` when the end is damaged; the head is then as far as rows are known to reach. */
  readonly problem: MeshError | undefined;
}

/** Finds the head and checks the last events. Throws MeshError `unavailable` when the file can't be read now. */
export function inspectTail(store: SqliteStore): Tail {
  try {
    const position = store.lastPosition();
    const problem = store.loadIndex(position) ?? tailProblem(store, position);
    if (problem !== undefined) return damagedTail(store, position, problem);
    return { head: headAt(store, position), lastCheckpoint: store.lastCheckpoint(), problem: undefined };
  } catch (error) {
    if (error instanceof MeshError && error.code === 'corrupt') return damagedTail(store, undefined, error);
    store.close();
    throw error;
  }
}

/** Head as of a position that the log has; '' and no time before the first event. */
export function headAt(store: SqliteStore, position: number): Head {
  if (position < 1) return { position: 0, hash: '', time: undefined };
  return { position, hash: store.logHash(position), time: store.rows.at(position).time };
}

function damagedTail(store: SqliteStore, last: number | undefined, problem: MeshError): Tail {
  const position = last ?? readableEvents(store);
  try {
    return { head: headAt(store, position), lastCheckpoint: 0, problem };
  } catch {
    return { head: { position, hash: '', time: undefined }, lastCheckpoint: 0, problem };
  }
}

/** How many events can be read from the first on. */
function readableEvents(store: SqliteStore): number {
  for (let count = 0; ; ) {
    const { events, problem } = store.rows.chunk({ from: count + 1, to: count + tailEvents, reverse: false });
    count += events.length;
    if (problem !== undefined) return count;
  }
}

function tailProblem(store: SqliteStore, last: number): MeshError | undefined {
  if (last === 0) return undefined;
  const from = Math.max(1, last - tailEvents + 1);
  const { events, problem } = store.rows.chunk({ from, to: last, reverse: false }, true);
  let hash = store.logHash(from - 1);
  for (const event of events) {
    hash = rollHash(hash, eventHash(event));
    if (hash !== store.logHash(event.position)) {
      return new MeshError('corrupt', `the rolling hash is wrong at position ${event.position}`);
    }
  }
  return problem;
}

/** Checks every event up to `head`, the columns beside it and the index. `beforeChunk` may throw to end it. */
export async function verifyStore(store: SqliteStore, head: Head, beforeChunk: () => void): Promise<Verification> {
  const verifier = new ChainVerifier({ ids: false });
  const columns = new ColumnVerifier(store, head.position);
  while (verifier.state.position < head.position) {
    await nextTurn();
    beforeChunk();
    const chunk = store.rows.chunk({ from: verifier.state.position + 1, to: head.position, reverse: false });
    for (const event of chunk.events) {
      const problem = eventProblem(event, verifier) ?? columns.problem(event, verifier.state.hash);
      if (problem !== undefined) return { ok: false, position: event.position, problem };
    }
    if (chunk.problem?.code === 'unavailable') throw chunk.problem;
    if (chunk.problem !== undefined)
      return { ok: false, position: verifier.state.position + 1, problem: chunk.problem.message };
  }
  const { position, hash } = verifier.state;
  if (hash !== head.hash) return { ok: false, position, problem: 'the rolling hash is not that of the head' };
  return { ok: true, events: position, head: verifier.state };
}

function eventProblem(event: RecordedEvent, verifier: ChainVerifier): string | undefined {
  try {
    return verifier.add(event, encodeEvent(event));
  } catch (error) {
    return messageOf(error);
  }
}

/** Finds what disagrees between events and the columns and the index that they are found by. */
class ColumnVerifier {
  readonly #store: SqliteStore;
  readonly #head: number;
  /** Keys of the subjects met so far. */
  readonly #keys = new Map<string, number | undefined>();
  #batchEnd = 0;

  constructor(store: SqliteStore, head: number) {
    this.#store = store;
    this.#head = head;
  }

  /** Events come in order; `logHash` is the rolling hash through this one. */
  problem(event: RecordedEvent, logHash: string): string | undefined {
    try {
      return this.#problem(event, logHash);
    } catch (error) {
      return messageOf(error);
    }
  }

  #problem(event: RecordedEvent, logHash: string): string | undefined {
    const { position } = event;
    const columns = this.#store.columnsOf(position);
    const indexed = this.#store.indexed(position);
    const timeMs = Date.parse(event.time);
    if (columns === undefined) return 'the row is missing';
    if (columns.subject !== this.#keyOf(event.subject)) return 'the column subject or the table subjects is wrong';
    if (columns.timeMs !== timeMs) return 'the column time_ms is wrong';
    if (columns.logHash !== logHash) return 'the column log_hash is wrong';
    if (!this.#endsRightly(position, columns.batchEnd)) return 'the column batch_end is wrong';
    if (indexed.subject !== columns.subject || indexed.timeMs > timeMs) return 'the table blocks is wrong';
    if (!this.#store.idLeadsTo(event.id, position)) return `id ${event.id} leads to another event or occurs twice`;
    if (position % blockSize === 0 && !this.#store.blockIsSound(blockOf(position))) return 'the table blocks is wrong';
    return undefined;
  }

  #keyOf(subject: string): number | undefined {
    if (!this.#keys.has(subject)) this.#keys.set(subject, this.#store.keyOf(subject));
    return this.#keys.get(subject);
  }

  /** All events of a batch say where it ends. */
  #endsRightly(position: number, end: number): boolean {
    const fits = position <= this.#batchEnd ? end === this.#batchEnd : end >= position && end <= this.#head;
    this.#batchEnd = end;
    return fits;
  }
}
