// Reads rows of the events table in checked chunks: each names the first position that can't be trusted.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import { sqliteError } from './sqlite-schema.ts';

/** A span of positions, read upwards or downwards. */
export interface RowSpan {
  readonly from: number;
  readonly to: number;
  readonly reverse: boolean;
}

/** A checked row, as stored (not upcast). */
export interface EventRow {
  readonly event: RecordedEvent;
  /** Its canonical JSON. */
  readonly text: string;
  readonly batchEnd: number;
}

/** Rows up to where the chunk ends or the damage begins. */
export interface RowChunk {
  readonly rows: readonly EventRow[];
  /** MeshError `corrupt` or `unavailable` about the row after the last of `rows`. */
  readonly problem: MeshError | undefined;
}

/** Rows of a chunk: a few milliseconds of the event loop. Fewer when events are large, so that a chunk has about `chunkChars`. */
const chunkRows = 500;
const chunkChars = 4 * 1024 * 1024;

type RawRow = [position: number, batchEnd: number, crc: number, body: string];

/** The prepared statements that read events. */
export class SqliteRows {
  readonly #path: string;
  readonly #up: StatementSync;
  readonly #down: StatementSync;
  readonly #one: StatementSync;
  #chunkRows = chunkRows;

  constructor(db: DatabaseSync, path: string) {
    this.#path = path;
    const select = 'SELECT position, batch_end, crc, body FROM events WHERE position';
    this.#up = asArrays(db.prepare(`${select} BETWEEN ? AND ? ORDER BY position`));
    this.#down = asArrays(db.prepare(`${select} BETWEEN ? AND ? ORDER BY position DESC`));
    this.#one = asArrays(db.prepare(`${select} = ?`));
  }

  /** Rows of the span from its start on, without a gap; with `whole` all of them, else about a chunk's worth. */
  chunk(span: RowSpan, whole = false): RowChunk {
    const step = span.reverse ? -1 : 1;
    const count = whole ? span.to - span.from + 1 : Math.min(this.#chunkRows, span.to - span.from + 1);
    const first = span.reverse ? span.to : span.from;
    const last = first + step * (count - 1);
    const rows: EventRow[] = [];
    let expected = first;
    let chars = 0;
    try {
      for (const raw of this.#raw(Math.min(first, last), Math.max(first, last), span.reverse)) {
        rows.push(this.#check(raw, expected));
        expected += step;
        chars += raw[3].length;
      }
      if (expected !== last + step) throw this.#corrupt(expected, 'is missing');
      this.#chunkRows = Math.max(1, Math.min(chunkRows, Math.floor((chunkChars * rows.length) / chars)));
      return { rows, problem: undefined };
    } catch (error) {
      return { rows, problem: sqliteError(error, this.#path, `near position ${expected}`) };
    }
  }

  /** All at once is a third quicker; one by one gives what is before a damaged page. */
  #raw(from: number, to: number, reverse: boolean): Iterable<RawRow> {
    const statement = reverse ? this.#down : this.#up;
    try {
      return statement.all(from, to) as unknown as RawRow[];
    } catch {
      return statement.iterate(from, to) as unknown as Iterable<RawRow>;
    }
  }

  /** One row. Throws MeshError `corrupt` when it is missing or damaged. */
  at(position: number): EventRow {
    try {
      const raw = this.#one.get(position) as unknown as RawRow | undefined;
      if (raw === undefined) throw this.#corrupt(position, 'is missing');
      return this.#check(raw, position);
    } catch (error) {
      throw sqliteError(error, this.#path, `near position ${position}`);
    }
  }

  #check(raw: RawRow, expected: number): EventRow {
    const [position, batchEnd, crc, body] = raw;
    if (position !== expected) throw this.#corrupt(expected, 'is missing');
    if (crc32(body) !== crc) throw this.#corrupt(expected, 'fails its checksum');
    // The checksum vouches for the shape: it was checked when the event was appended.
    const event = this.#parse(body, expected);
    if (event.position !== expected) throw this.#corrupt(expected, `says that it is ${event.position}`);
    return { event, text: body, batchEnd };
  }

  #parse(body: string, position: number): RecordedEvent {
    try {
      return JSON.parse(body) as RecordedEvent;
    } catch (error) {
      throw this.#corrupt(position, messageOf(error));
    }
  }

  #corrupt(position: number, problem: string): MeshError {
    return new MeshError('corrupt', `${this.#path}: the event at position ${position} ${problem}`);
  }
}

/** Rows as arrays: quicker to make than objects. */
export function asArrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}
