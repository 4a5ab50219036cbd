// The tables of a SQLite log: what is written and looked up, synchronously. Order, conflicts and waiting are sqlite.ts's business.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { checkpointSubject } from '../checkpoint.ts';
import { sha256Hex } from '../event-hash.ts';
import type { LogSnapshot } from '../event-log.ts';
import type { PlannedEvent, SubjectHead } from './append-plan.ts';
import { asArrays, SqliteRows } from './sqlite-rows.ts';
import { openDatabase, sqliteError } from './sqlite-schema.ts';

/** Positions of a block in the table of earliest times. */
const blockSize = 1024;
/** Subjects whose last version and hash are kept at hand: about 5 MB, and most writes go to few subjects. */
const maxCachedSubjects = 20_000;
/** Above so many matches a scan of the whole log is quicker than looking up each, and needs no list. */
const maxListedPositions = 20_000;

interface CachedSubject extends SubjectHead {
  readonly key: number;
}

/** See the file's first line. Methods throw MeshError `corrupt` or `unavailable`. */
export class SqliteStore {
  readonly rows: SqliteRows;
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements: Readonly<Record<StatementName, StatementSync>>;
  readonly #subjects = new Map<string, CachedSubject>();

  constructor(path: string) {
    this.#path = path;
    this.#db = openDatabase(path);
    this.rows = new SqliteRows(this.#db, path);
    const prepared = Object.entries(sql).map(([name, text]) => [name, asArrays(this.#db.prepare(text))]);
    this.#statements = Object.fromEntries(prepared) as Record<StatementName, StatementSync>;
  }

  /** Runs `body` in one durable transaction: all of it, or nothing when it throws. */
  transaction(body: () => void): void {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      body();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#subjects.clear();
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw sqliteError(error, this.#path, 'while writing');
    }
  }

  /** Stores a batch; within a transaction. */
  insert(batch: readonly PlannedEvent[]): void {
    const first = batch[0];
    const last = batch.at(-1);
    if (first === undefined || last === undefined) return;
    for (const { event, text, hash, logHash } of batch) {
      const key = this.#subject(event.subject)?.key ?? this.#addSubject(event.subject);
      const { position, id, version } = event;
      const timeMs = Date.parse(event.time);
      const bytes = Buffer.from(logHash, 'hex');
      this.#statements.insert.run(position, id, key, version, last.event.position, timeMs, crc32(text), bytes, text);
      this.#cache(event.subject, { key, version, hash });
    }
    this.#noteTimes(batch);
  }

  /** Position of the event with this id. */
  findId(id: string): number | undefined {
    return this.#number('findId', id);
  }

  /** Version and hash of a subject's last event. */
  subject(subject: string): SubjectHead | undefined {
    const cached = this.#subject(subject);
    return cached === undefined || cached.version === 0 ? undefined : cached;
  }

  /** Last position in the table, 0 when it is empty. */
  lastPosition(): number {
    return this.#number('lastPosition') ?? 0;
  }

  /** Position of the last checkpoint event, 0 when there is none. */
  lastCheckpoint(): number {
    return this.#number('lastOfSubject', checkpointSubject) ?? 0;
  }

  /** Rolling hash through a position, hex; '' for position 0 or a row that is missing. */
  logHash(position: number): string {
    const row = this.#row('logHash', position);
    return row === undefined ? '' : Buffer.from(row[0] as Uint8Array).toString('hex');
  }

  /** Last position whose time is at most `timeMs`; 0 when there is none. */
  positionAt(timeMs: number): number {
    const block = this.#number('blockAt', timeMs);
    if (block === undefined) return 0;
    return this.#number('positionAt', block * blockSize, (block + 1) * blockSize - 1, timeMs) ?? 0;
  }

  /** Positions within a span of the subject and those below it; undefined when they are too many to be listed. */
  positionsOf(subject: string, from: number, to: number): readonly number[] | undefined {
    const below = [`${subject}/`, `${subject}0`] as const;
    const found = this.#all('positionsOf', subject, ...below, from, to, maxListedPositions + 1);
    if (found.length > maxListedPositions) return undefined;
    return found.map((row) => row[0] as number).sort((a, b) => a - b);
  }

  /** The columns beside `body` of a row, as the indexes find them; for verification. */
  columnsOf(position: number): StoredColumns | undefined {
    const row = this.#row('columns', position);
    if (row === undefined) return undefined;
    const [id, subject, key, version, timeMs, logHash] = row as [
      string,
      string | null,
      number,
      number,
      number,
      Uint8Array,
    ];
    const indexed = this.#number('findId', id) === position && this.#number('inSubject', key, position) === position;
    return { id, subject, version, timeMs, logHash: Buffer.from(logHash).toString('hex'), indexed };
  }

  /** Earliest time that `positionAt` believes of the block of a position. */
  blockTime(position: number): number | undefined {
    return this.#number('blockTime', Math.floor(position / blockSize));
  }

  saveSnapshot(snapshot: LogSnapshot): void {
    const { name, position, hash, state } = snapshot;
    this.transaction(() => this.#statements.saveSnapshot.run(name, position, hash, sha256Hex(state), state));
  }

  /** Snapshots of a name at or before a position, newest first, each with a whole state. */
  *snapshots(name: string, position: number): Generator<LogSnapshot> {
    for (const [at] of this.#all('snapshotPositions', name, position)) {
      const row = this.#row('loadSnapshot', name, at as number);
      if (row === undefined) continue;
      const [hash, checksum, state] = row as [string, string, Uint8Array];
      if (sha256Hex(state) === checksum) yield { name, position: at as number, hash, state };
    }
  }

  close(): void {
    this.#db.close();
  }

  #subject(subject: string): CachedSubject | undefined {
    const cached = this.#subjects.get(subject);
    if (cached !== undefined) return cached;
    const key = this.#number('findSubject', subject);
    if (key === undefined) return undefined;
    const last = this.#row('lastBody', key) as [number, string] | undefined;
    return this.#cache(subject, { key, version: last?.[0] ?? 0, hash: last === undefined ? '' : sha256Hex(last[1]) });
  }

  #addSubject(subject: string): number {
    return Number(this.#statements.addSubject.run(subject).lastInsertRowid);
  }

  #cache(subject: string, entry: CachedSubject): CachedSubject {
    if (this.#subjects.size >= maxCachedSubjects && !this.#subjects.has(subject)) {
      for (const oldest of this.#subjects.keys()) {
        this.#subjects.delete(oldest);
        break;
      }
    }
    this.#subjects.set(subject, entry);
    return entry;
  }

  #noteTimes(batch: readonly PlannedEvent[]): void {
    const earliest = new Map<number, number>();
    for (const { event } of batch) {
      const block = Math.floor(event.position / blockSize);
      const timeMs = Date.parse(event.time);
      earliest.set(block, Math.min(timeMs, earliest.get(block) ?? timeMs));
    }
    for (const [block, timeMs] of earliest) this.#statements.noteTime.run(block, timeMs);
  }

  #number(name: StatementName, ...values: (string | number)[]): number | undefined {
    const value = this.#row(name, ...values)?.[0];
    return typeof value === 'number' ? value : undefined;
  }

  #row(name: StatementName, ...values: (string | number)[]): readonly unknown[] | undefined {
    try {
      return this.#statements[name].get(...values) as unknown as readonly unknown[] | undefined;
    } catch (error) {
      throw sqliteError(error, this.#path, `while looking up ${name} ${values.join(' ')}`);
    }
  }

  #all(name: StatementName, ...values: (string | number)[]): readonly (readonly unknown[])[] {
    try {
      return this.#statements[name].all(...values) as unknown as readonly (readonly unknown[])[];
    } catch (error) {
      throw sqliteError(error, this.#path, `while looking up ${name} ${values.join(' ')}`);
    }
  }
}

/** What `columnsOf` gives; `subject` is null when the row's key names none. */
export interface StoredColumns {
  readonly id: string;
  readonly subject: string | null;
  readonly version: number;
  readonly timeMs: number;
  readonly logHash: string;
  /** Both indexes lead to the row. */
  readonly indexed: boolean;
}

const sql = {
  insert: 'INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  addSubject: 'INSERT INTO subjects (subject) VALUES (?)',
  noteTime:
    'INSERT INTO blocks VALUES (?, ?) ON CONFLICT DO UPDATE SET min_time_ms = min(min_time_ms, excluded.min_time_ms)',
  findId: 'SELECT position FROM events WHERE id = ?',
  findSubject: 'SELECT key FROM subjects WHERE subject = ?',
  inSubject: 'SELECT position FROM events INDEXED BY events_by_subject WHERE subject = ? AND position = ?',
  lastBody: 'SELECT version, body FROM events WHERE subject = ? ORDER BY position DESC LIMIT 1',
  lastOfSubject:
    'SELECT position FROM events WHERE subject = (SELECT key FROM subjects WHERE subject = ?) ORDER BY position DESC LIMIT 1',
  lastPosition: 'SELECT max(position) FROM events',
  logHash: 'SELECT log_hash FROM events WHERE position = ?',
  blockAt: 'SELECT block FROM blocks WHERE min_time_ms <= ? ORDER BY block DESC LIMIT 1',
  blockTime: 'SELECT min_time_ms FROM blocks WHERE block = ?',
  positionAt:
    'SELECT position FROM events WHERE position BETWEEN ? AND ? AND time_ms <= ? ORDER BY position DESC LIMIT 1',
  positionsOf: `SELECT e.position FROM subjects s CROSS JOIN events e INDEXED BY events_by_subject ON e.subject = s.key
    WHERE (s.subject = ? OR (s.subject >= ? AND s.subject < ?)) AND e.position BETWEEN ? AND ? LIMIT ?`,
  columns: `SELECT e.id, s.subject, e.subject, e.version, e.time_ms, e.log_hash
    FROM events e LEFT JOIN subjects s ON s.key = e.subject WHERE e.position = ?`,
  saveSnapshot: 'INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)',
  snapshotPositions: 'SELECT position FROM snapshots WHERE name = ? AND position <= ? ORDER BY position DESC',
  loadSnapshot: 'SELECT hash, checksum, state FROM snapshots WHERE name = ? AND position = ?',
} as const;
type StatementName = keyof typeof sql;
