// Opens the SQLite file of a log: settings for durability, and the tables.
import { DatabaseSync } from 'node:sqlite';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** Marks a file as a Periplus log ("PERI"), so that no other SQLite file is taken for one. */
const applicationId = 0x50455249;
/** Version of the tables; a file with a later one is refused. */
const schemaVersion = 1;

/**
 * events: `body` is the event's canonical JSON (everything is in there; the other columns are for finding and checking it),
 * `crc` its CRC-32, `batch_end` the last position of the batch, `log_hash` the rolling hash through the event.
 * blocks: the earliest time among each 1,024 positions, for positionAt. `body` comes last: small columns need no overflow pages.
 */
const schema = `
CREATE TABLE subjects (key INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, subject INTEGER NOT NULL, version INTEGER NOT NULL,
  batch_end INTEGER NOT NULL, time_ms INTEGER NOT NULL, crc INTEGER NOT NULL, log_hash BLOB NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX events_by_subject ON events (subject, position);
CREATE TABLE blocks (block INTEGER PRIMARY KEY, min_time_ms INTEGER NOT NULL) STRICT;
CREATE TABLE snapshots (
  name TEXT NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL, checksum TEXT NOT NULL, state BLOB NOT NULL,
  PRIMARY KEY (name, position)) STRICT;
`;

/**
 * Opens or creates the file. WAL with synchronous=FULL: a commit returns when it would survive a power cut. The cache (16 MiB) holds
 * the inner pages of the indexes of some million events; checkpoints of 2,000 pages (8 MiB) keep the pause of one short.
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
