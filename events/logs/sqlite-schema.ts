// Opens the SQLite file of a log: settings for durability, and the tables.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** Marks a file as a Periplus log ("PERI"), so that no other SQLite file is taken for one. */
const applicationId = 0x50455249;
/** Version of the tables; a file with a later one is refused. */
const schemaVersion = 1;

/**
 * events: `body` is a JSON array of the event's own attributes (sqlite-rows.ts), `envelope` the key of those it shares with many
 * others, `crc` the checksum of what makes up the event, `batch_end` the last position of its batch, `log_hash` the rolling hash.
 * blocks: sqlite-index.ts for each 1,024 positions, so that opening a log needs no scan of it; can be made again from events.
 */
const schema = `
CREATE TABLE subjects (key INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE envelopes (
  key INTEGER PRIMARY KEY, source TEXT NOT NULL, type TEXT NOT NULL, actor TEXT NOT NULL, dataversion INTEGER NOT NULL,
  crc INTEGER NOT NULL) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY, envelope INTEGER NOT NULL, version INTEGER NOT NULL, crc INTEGER NOT NULL, subject INTEGER NOT NULL,
  batch_end INTEGER NOT NULL, time_ms INTEGER NOT NULL, log_hash BLOB NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE blocks (
  block INTEGER PRIMARY KEY, min_time_ms INTEGER NOT NULL, checksum TEXT NOT NULL, fingerprints BLOB NOT NULL,
  subjects BLOB NOT NULL) STRICT;
CREATE TABLE snapshots (
  name TEXT NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL, checksum TEXT NOT NULL, state BLOB NOT NULL,
  PRIMARY KEY (name, position)) STRICT;
`;

/**
 * Opens or creates the file. WAL with synchronous=FULL: a commit returns when it would survive a power cut. Pages of 8 KiB: events
 * are written and read in rows of pages. The cache (8 MiB) holds what was written last; checkpoints of 1,000 pages keep the pause of
 * one short.
 * Throws MeshError `corrupt` for a file that is no log or can't be read, `invalid` for one of a later version.
 */
export function openDatabase(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000; PRAGMA wal_autocheckpoint=2000',
    );
    if (isNew(db, path)) createTables(db);
    return db;
  } catch (error) {
    db?.close();
    throw sqliteError(error, path, 'while opening it');
  }
}

function isNew(db: DatabaseSync, path: string): boolean {
  const id = pragma(db, 'application_id');
  const version = pragma(db, 'user_version');
  if (id === 0 && version === 0 && pragma(db, 'schema_version') === 0) return true;
  if (id !== applicationId) throw new MeshError('corrupt', `${path} is not a Periplus log`);
  if (version > schemaVersion) throw new MeshError('invalid', `${path} was written by a newer Periplus: upgrade`);
  return false;
}

function createTables(db: DatabaseSync): void {
  const identity = `PRAGMA application_id=${applicationId}; PRAGMA user_version=${schemaVersion};`;
  db.exec(`BEGIN IMMEDIATE; ${schema} ${identity} COMMIT`);
}

function pragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, unknown> | undefined;
  return Number(row?.[name] ?? 0);
}

/** SQLite's primary result codes that say that stored data is damaged (sqlite.org/rescode.html). */
const corruptCodes = new Set([11 /* CORRUPT */, 26 /* NOTADB */]);

/** What SQLite threw, as a MeshError: `corrupt` for damage, else `unavailable` (busy, full disk, failed I/O). Throws anything else on. */
export function sqliteError(error: unknown, path: string, where: string): MeshError {
  if (error instanceof MeshError) return error;
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode !== 'number') throw error;
  const damaged = corruptCodes.has(errcode & 0xff);
  const message = `${path}: ${damaged ? 'damaged' : 'failed'} ${where}: ${messageOf(error)}`;
  return new MeshError(damaged ? 'corrupt' : 'unavailable', message, { cause: error });
}

/** Rows as arrays: quicker to make than objects. */
export function asArrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}
