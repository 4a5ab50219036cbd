// An exclusive lock on a log's folder that ends with its process, whatever way that ends.
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MeshError } from '../../lib/mesh-error.ts';
import { sqliteError } from './sqlite-schema.ts';

/**
 * Takes the lock `path` or throws MeshError `unavailable` that names the process which has it. The lock is the operating system's, by
 * way of SQLite, so that kill -9 leaves nothing behind; who has it stands in a file beside it (the lock file itself must not be
 * opened by others in this process: closing it would drop the lock). Returns the function that gives it back.
 */
export function takeLock(path: string): () => void {
  const holderPath = `${path}.holder`;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if ((error as { errcode?: unknown }).errcode !== 5 /* SQLITE_BUSY */)
      throw sqliteError(error, path, 'while locking it');
    throw new MeshError(
      'unavailable',
      `${path} is held by ${readHolder(holderPath)}: stop it first, or use another folder`,
    );
  }
  writeFileSync(holderPath, `process ${process.pid} (${process.argv.slice(1).join(' ')})\n`);
  return () => db.close();
}

function readHolder(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'another process';
  }
}
