// Checks that every implementation of the log makes on its callers' input, so that all answer alike.
import { MeshError } from '../../lib/mesh-error.ts';
import type { Head, LogSnapshot } from '../event-log.ts';

/** What every call on a closed log is answered with. */
export function closedError(): MeshError {
  return new MeshError('unavailable', 'the log is closed');
}

/** Milliseconds since the epoch of an RFC 3339 time. Throws MeshError `invalid` when it is none. */
export function parseTime(time: string): number {
  const timeMs = Date.parse(time);
  if (Number.isNaN(timeMs)) throw new MeshError('invalid', `${JSON.stringify(time)} is not an RFC 3339 time`);
  return timeMs;
}

/** Throws MeshError `invalid` unless the snapshot was made of this log; `head` is the log's head as of the snapshot's position. */
export function assertSnapshotFits(snapshot: LogSnapshot, head: Head): void {
  if (snapshot.position === head.position && snapshot.hash === head.hash) return;
  const message = `snapshot ${snapshot.name} at position ${snapshot.position} was not made of this log`;
  throw new MeshError('invalid', message);
}
