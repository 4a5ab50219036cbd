// What this client has seen of a log, in a small local file: a server that comes back with less, or with another past, is noticed.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Head } from '../event-log.ts';

/** A place in a log and its rolling hash there. */
export interface Seen {
  readonly position: number;
  readonly hash: string;
}

/** The file's content; undefined when there is none. Throws MeshError `corrupt` when it is not what `writeSeen` writes. */
export function readSeen(path: string): Seen | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new MeshError('unavailable', `${path} can't be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    const { position, hash } = JSON.parse(text) as Seen;
    if (Number.isSafeInteger(position) && typeof hash === 'string') return { position, hash };
  } catch {
    // Falls through to the same advice.
  }
  throw new MeshError('corrupt', `${path} is damaged: remove it to trust the server as it is`);
}

/** Replaces the file by one rename, so that a crash leaves the old content or the new. Not synced: an older truth is a truth too. */
export function writeSeen(path: string, seen: Seen): void {
  mkdirSync(dirname(path), { recursive: true });
  const staging = `${path}.${process.pid}`;
  try {
    writeFileSync(staging, `${JSON.stringify({ position: seen.position, hash: seen.hash })}\n`, { mode: 0o600 });
    renameSync(staging, path);
  } finally {
    rmSync(staging, { force: true });
  }
}

/** What is wrong with a log that ends in `head`, given its rolling hash at `seen.position` (or its end, when that is before). */
export function seenProblem(seen: Seen, head: Head, hashThere: string): string | undefined {
  if (head.position < seen.position) {
    const lost = seen.position - head.position;
    return `position ${head.position + 1}: the log ends before it: ${lost} events are lost`;
  }
  if (hashThere === seen.hash) return undefined;
  return `position ${seen.position}: the log up to here is not the one that this client has seen`;
}
