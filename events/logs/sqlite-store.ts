// The tables of a SQLite log: what is written and looked up, synchronously. Order, conflicts and waiting are sqlite.ts's business.
import { hash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MeshError } from '../../lib/mesh-error.ts';
import { checkpointSubject } from '../checkpoint.ts';
import { eventHash } from '../event-hash.ts';
import type { LogSnapshot } from '../event-log.ts';
import type { PlannedEvent, SubjectHead } from './append-plan.ts';
import {
  blockChecksum,
  blockOf,
  blockSize,
  bytesOf,
  fingerprintOf,
  type IndexBlock,
  type IndexEntry,
  intsOf,
  SqliteIndex,
} from './sqlite-index.ts';
import { encodeBody, rowCrc, SqliteRows } from './sqlite-rows.ts';
import { asArrays, openDatabase, sqliteError } from './sqlite-schema.ts';
import { type StatementName, sql } from './sqlite-statements.ts';

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
  #index = new SqliteIndex();

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
      this.#statements.begin.run();
      body();
      this.#statements.commit.run();
    } catch (error) {
      this.#rollBack();
      throw sqliteError(error, this.#path, 'while writing');
    }
  }

  #rollBack(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    this.#subjects.clear();
    this.rows.forget();
    this.loadIndex(this.lastPosition());
  }

  /** Stores a batch; within a transaction. */
  insert(batch: readonly PlannedEvent[]): void {
    const batchEnd = batch.at(-1)?.event.position ?? 0;
    for (const { event, dataJson, hash, logHash } of batch) {
      const { position, version } = event;
      const subject = this.#subject(event.subject)?.key ?? this.#addSubject(event.subject);
      const envelope = this.rows.envelopeKey(event);
      const body = encodeBody(event, dataJson);
      const crc = rowCrc({ position, envelope, version, body });
      const timeMs = Date.parse(event.time);
      const bytes = Buffer.from(logHash, 'hex');
      this.#statements.insert.run(position, envelope, version, crc, subject, batchEnd, timeMs, bytes, body);
      this.#cache(event.subject, { key: subject, version, hash });
      this.#index.add({ fingerprint: fingerprintOf(event.id), subject, timeMs });
      if (position % blockSize === 0) this.#saveBlock(blockOf(position));
    }
  }

  /** Position of the event with this id. */
  findId(id: string): number | undefined {
    for (const position of this.#index.candidates(fingerprintOf(id))) {
      if (this.rows.at(position).id === id) return position;
    }
    return undefined;
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
    const key = this.#number('findSubject', checkpointSubject);
    return key === undefined ? 0 : this.#index.lastOf(key);
  }

  /** Reads the index of all events up to `last`. Gives the MeshError `corrupt` of an event that can't be read. */
  loadIndex(last: number): MeshError | undefined {
    this.#index = new SqliteIndex();
    const sealed = Math.floor(last / blockSize);
    for (let block = 0; block < sealed; block++) {
      const stored = this.#storedBlock(block);
      if (stored !== undefined) this.#index.addBlock(stored);
      else {
        const problem = this.#indexRows((block + 1) * blockSize);
        if (problem !== undefined) return problem;
      }
    }
    return this.#indexRows(last);
  }

  /** Rolling hash through a position, hex; '' for position 0 or a row that is missing. */
  logHash(position: number): string {
    const row = this.#row('logHash', position);
    return row === undefined ? '' : Buffer.from(row[0] as Uint8Array).toString('hex');
  }

  /** Last position whose time is at most `timeMs`; 0 when there is none. */
  positionAt(timeMs: number): number {
    const block = this.#index.blockAt(timeMs);
    if (block < 0) return 0;
    return this.#number('positionAt', block * blockSize + 1, (block + 1) * blockSize, timeMs) ?? 0;
  }

  /** Positions within a span of the subject and those below it; undefined when they are too many, or not all known. */
  positionsOf(subject: string, from: number, to: number): readonly number[] | undefined {
    if (this.#index.through < to) return undefined;
    const keys = this.#all('findSubjects', subject, `${subject}/`, `${subject}0`).map((row) => row[0] as number);
    return this.#index.positionsOf(new Set(keys), { from, to, max: maxListedPositions });
  }

  /** Last position of the batch that an event was appended in. */
  batchEnd(position: number): number {
    return this.#number('batchEnd', position) ?? position;
  }

  /** The columns of a row that its checksum leaves out; for verification. */
  columnsOf(position: number): StoredColumns | undefined {
    const row = this.#row('columns', position);
    if (row === undefined) return undefined;
    const [subject, batchEnd, timeMs, logHash] = row as [number, number, number, Uint8Array];
    return { subject, batchEnd, timeMs, logHash: Buffer.from(logHash).toString('hex') };
  }

  /** Whether looking an id up gives this position and no other. */
  idLeadsTo(id: string, position: number): boolean {
    let found = false;
    for (const candidate of this.#index.candidates(fingerprintOf(id))) {
      if (candidate === position) found = true;
      else if (this.rows.at(candidate).id === id) return false;
    }
    return found;
  }

  /** Key of a subject, as its index finds it. */
  keyOf(subject: string): number | undefined {
    return this.#number('findSubject', subject);
  }

  /** What the index has of an event; its time is the earliest of its block. */
  indexed(position: number): IndexEntry {
    return this.#index.entry(position);
  }

  /** Whether a full block is stored as the index has it. */
  blockIsSound(block: number): boolean {
    const stored = this.#storedBlock(block);
    return stored !== undefined && blockChecksum(stored) === blockChecksum(this.#index.block(block));
  }

  saveSnapshot(snapshot: LogSnapshot): void {
    const { name, position, state } = snapshot;
    const checksum = hash('sha256', state, 'hex');
    this.transaction(() => this.#statements.saveSnapshot.run(name, position, snapshot.hash, checksum, state));
  }

  /** Snapshots of a name at or before a position, newest first, each with a whole state. */
  *snapshots(name: string, position: number): Generator<LogSnapshot> {
    for (const [at] of this.#all('snapshotPositions', name, position)) {
      const row = this.#row('loadSnapshot', name, at as number);
      if (row === undefined) continue;
      const [logHash, checksum, state] = row as [string, string, Uint8Array];
      if (hash('sha256', state, 'hex') === checksum) yield { name, position: at as number, hash: logHash, state };
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
    const position = this.#index.lastOf(key);
    if (position === 0) return this.#cache(subject, { key, version: 0, hash: '' });
    const last = this.rows.at(position);
    return this.#cache(subject, { key, version: last.version, hash: eventHash(last) });
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

  #indexRows(last: number): MeshError | undefined {
    while (this.#index.through < last) {
      const { events, problem } = this.rows.chunk({ from: this.#index.through + 1, to: last, reverse: false });
      for (const event of events) {
        const subject = this.#number('subjectOf', event.position) ?? 0;
        this.#index.add({ fingerprint: fingerprintOf(event.id), subject, timeMs: Date.parse(event.time) });
      }
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #saveBlock(block: number): void {
    const content = this.#index.block(block);
    const { minTimeMs, fingerprints, subjects } = content;
    const checksum = blockChecksum(content);
    this.#statements.saveBlock.run(block, minTimeMs, checksum, bytesOf(fingerprints), bytesOf(subjects));
  }

  /** A block that is there and sound. */
  #storedBlock(block: number): IndexBlock | undefined {
    const row = this.#row('loadBlock', block);
    if (row === undefined) return undefined;
    const [minTimeMs, checksum, fingerprints, subjects] = row as [number, string, Uint8Array, Uint8Array];
    const content = { minTimeMs, fingerprints: intsOf(fingerprints), subjects: intsOf(subjects) };
    return blockChecksum(content) === checksum ? content : undefined;
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

/** What `columnsOf` gives. */
export interface StoredColumns {
  /** Key of its subject. */
  readonly subject: number;
  readonly batchEnd: number;
  readonly timeMs: number;
  readonly logHash: string;
}
