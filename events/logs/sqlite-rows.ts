// Events as rows: encodes them, and reads them in checked chunks that name the first position that can't be trusted.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { quote } from '../canonical-json.ts';
import type { RecordedEvent } from '../envelope.ts';
import { encodeCauses } from '../event-codec.ts';
import { asArrays, sqliteError } from './sqlite-schema.ts';

/** A span of positions, read upwards or downwards. */
export interface RowSpan {
  readonly from: number;
  readonly to: number;
  readonly reverse: boolean;
}

/** Events, as stored (not upcast), up to where the chunk ends or the damage begins. */
export interface RowChunk {
  readonly events: readonly RecordedEvent[];
  /** MeshError `corrupt` or `unavailable` about the row after the last of `events`. */
  readonly problem: MeshError | undefined;
}

/** Rows of a chunk: a few milliseconds of the event loop. Fewer when events are large, so that a chunk has about `chunkChars`. */
const chunkRows = 500;
const chunkChars = 4 * 1024 * 1024;

/** Attributes that few values of occur, kept once in the table envelopes. */
type Envelope = Pick<RecordedEvent, 'source' | 'type' | 'actor' | 'dataversion'>;

type RawRow = [position: number, envelope: number, version: number, crc: number, body: string];
type RawEnvelope = [source: string, type: string, actor: string, dataversion: number, crc: number, key: number];
type Body = [
  id: string,
  subject: string,
  time: string,
  previousHash: string,
  causes: string[],
  data: unknown,
  traceparent?: string,
];

function envelopeText(source: string, type: string, actor: string, dataversion: number): string {
  return `${source}\n${type}\n${actor}\n${dataversion}`;
}

/** The attributes of an event that are its own, as a JSON array. */
export function encodeBody(event: RecordedEvent, dataJson: string): string {
  const trace = event.traceparent === undefined ? '' : `,${quote(event.traceparent)}`;
  const { id, subject, time, previousHash, causes } = event;
  const names = `${quote(id)},${quote(subject)},${quote(time)},"${previousHash}"`;
  return `[${names},${encodeCauses(causes)},${dataJson}${trace}]`;
}

/**
 * CRC-32 of a row's body, started from the columns that reading an event relies on: the factors are odd, so that a change of any one
 * of them changes the start.
 */
export function rowCrc(row: { position: number; envelope: number; version: number; body: string }): number {
  const start =
    Math.imul(row.position, 0x9e3779b1) ^ Math.imul(row.envelope, 0x85ebca6b) ^ Math.imul(row.version, 0xc2b2ae35);
  return crc32(row.body, start >>> 0);
}

/** The prepared statements that read events. */
export class SqliteRows {
  readonly #path: string;
  readonly #up: StatementSync;
  readonly #down: StatementSync;
  readonly #one: StatementSync;
  readonly #envelope: StatementSync;
  readonly #allEnvelopes: StatementSync;
  readonly #addEnvelope: StatementSync;
  readonly #envelopes = new Map<number, Envelope>();
  readonly #envelopeKeys = new Map<string, number>();
  #chunkRows = chunkRows;

  constructor(db: DatabaseSync, path: string) {
    this.#path = path;
    const select = 'SELECT position, envelope, version, crc, body FROM events WHERE position';
    this.#up = asArrays(db.prepare(`${select} BETWEEN ? AND ? ORDER BY position`));
    this.#down = asArrays(db.prepare(`${select} BETWEEN ? AND ? ORDER BY position DESC`));
    this.#one = asArrays(db.prepare(`${select} = ?`));
    const columns = 'source, type, actor, dataversion, crc';
    this.#envelope = asArrays(db.prepare(`SELECT ${columns}, key FROM envelopes WHERE key = ?`));
    this.#allEnvelopes = asArrays(db.prepare(`SELECT ${columns}, key FROM envelopes`));
    this.#addEnvelope = db.prepare(`INSERT INTO envelopes (${columns}) VALUES (?, ?, ?, ?, ?)`);
    this.#loadEnvelopes();
  }

  /** Events of the span from its start on, without a gap; with `whole` all of them, else about a chunk's worth. */
  chunk(span: RowSpan, whole = false): RowChunk {
    const step = span.reverse ? -1 : 1;
    const count = whole ? span.to - span.from + 1 : Math.min(this.#chunkRows, span.to - span.from + 1);
    const first = span.reverse ? span.to : span.from;
    const last = first + step * (count - 1);
    const events: RecordedEvent[] = [];
    let expected = first;
    let chars = 0;
    try {
      for (const raw of this.#raw(Math.min(first, last), Math.max(first, last), span.reverse)) {
        events.push(this.#check(raw, expected));
        expected += step;
        chars += raw[4].length;
      }
      if (expected !== last + step) throw this.#corrupt(expected, 'is missing');
      this.#chunkRows = Math.max(1, Math.min(chunkRows, Math.floor((chunkChars * events.length) / chars) || 1));
      return { events, problem: undefined };
    } catch (error) {
      return { events, problem: sqliteError(error, this.#path, `near position ${expected}`) };
    }
  }

  /** One event. Throws MeshError `corrupt` when it is missing or damaged. */
  at(position: number): RecordedEvent {
    try {
      const raw = this.#one.get(position) as unknown as RawRow | undefined;
      if (raw === undefined) throw this.#corrupt(position, 'is missing');
      return this.#check(raw, position);
    } catch (error) {
      throw sqliteError(error, this.#path, `near position ${position}`);
    }
  }

  /** Key of an event's shared attributes, stored when they are new; within a transaction. */
  envelopeKey(event: Envelope): number {
    const { source, type, actor, dataversion = 0 } = event;
    const text = envelopeText(source, type, actor, dataversion);
    const known = this.#envelopeKeys.get(text);
    if (known !== undefined) return known;
    const key = Number(this.#addEnvelope.run(source, type, actor, dataversion, crc32(text)).lastInsertRowid);
    this.#envelopeKeys.set(text, key);
    return key;
  }

  /** Forgets what a transaction that failed had stored. */
  forget(): void {
    this.#envelopeKeys.clear();
    this.#envelopes.clear();
    this.#loadEnvelopes();
  }

  /** Those that are sound: a damaged one is never written to again, and reading an event that has it says so. */
  #loadEnvelopes(): void {
    try {
      for (const row of this.#allEnvelopes.all() as unknown as RawEnvelope[]) {
        const [source, type, actor, dataversion, crc, key] = row;
        const text = envelopeText(source, type, actor, dataversion);
        if (crc32(text) === crc) this.#envelopeKeys.set(text, key);
      }
    } catch (error) {
      throw sqliteError(error, this.#path, 'in the table envelopes');
    }
  }

  /** All at once is quicker; one by one gives what is before a damaged page. */
  #raw(from: number, to: number, reverse: boolean): Iterable<RawRow> {
    const statement = reverse ? this.#down : this.#up;
    try {
      return statement.all(from, to) as unknown as RawRow[];
    } catch {
      return statement.iterate(from, to) as unknown as Iterable<RawRow>;
    }
  }

  #check(raw: RawRow, expected: number): RecordedEvent {
    const [position, envelope, version, crc, body] = raw;
    if (position !== expected) throw this.#corrupt(expected, 'is missing');
    if (rowCrc({ position, envelope, version, body }) !== crc) throw this.#corrupt(expected, 'fails its checksum');
    const [id, subject, time, previousHash, causes, data, traceparent] = this.#parse(body, expected);
    const { source, type, actor, dataversion } =
      this.#envelopes.get(envelope) ?? this.#loadEnvelope(envelope, expected);
    const specversion = '1.0';
    const event = {
      id,
      source,
      type,
      subject,
      time,
      actor,
      causes,
      data,
      specversion,
      position,
      version,
      previousHash,
    } as const;
    if (traceparent === undefined && dataversion === undefined) return event;
    return {
      ...event,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(dataversion === undefined ? {} : { dataversion }),
    };
  }

  #parse(body: string, position: number): Body {
    try {
      return JSON.parse(body) as Body;
    } catch (error) {
      throw this.#corrupt(position, `is not JSON: ${messageOf(error)}`);
    }
  }

  #loadEnvelope(key: number, position: number): Envelope {
    const row = this.#envelope.get(key) as unknown as RawEnvelope | undefined;
    if (row === undefined) throw this.#corrupt(position, 'has lost its envelope');
    const [source, type, actor, dataversion, crc] = row;
    if (crc32(envelopeText(source, type, actor, dataversion)) !== crc) {
      throw this.#corrupt(position, 'has an envelope that fails its checksum');
    }
    const envelope = { source, type, actor, ...(dataversion === 0 ? {} : { dataversion }) };
    this.#envelopes.set(key, envelope);
    return envelope;
  }

  #corrupt(position: number, problem: string): MeshError {
    return new MeshError('corrupt', `${this.#path}: the event at position ${position} ${problem}`);
  }
}
