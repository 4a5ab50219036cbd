// The embedded log: opens SQLite logs, one file or both logs of a mesh in a folder, and locks them against other processes.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EventLog, MeshLogs } from '../event-log.ts';
import type { Upcasts } from '../upcast.ts';
import { takeLock } from './sqlite-lock.ts';
import { SqliteLog } from './sqlite-log.ts';

/**
 * Opens the logs of a mesh, `facts.db` and `deliveries.db`, in a folder that is made if need be and locked until both are closed.
 * Throws MeshError `unavailable` naming the process that has the folder, `corrupt` when a file can't be opened at all.
 */
export async function openSqliteLogs(dir: string): Promise<MeshLogs> {
  mkdirSync(dir, { recursive: true });
  const unlock = takeLock(join(dir, 'lock'));
  let open = 0;
  const onClose = () => {
    if (--open === 0) unlock();
  };
  const openLog = (name: string) => {
    const log = new SqliteLog(join(dir, name), { onClose });
    open++;
    return log;
  };
  let facts: SqliteLog | undefined;
  try {
    facts = openLog('facts.db');
    return { facts, deliveries: openLog('deliveries.db') };
  } catch (error) {
    if (facts === undefined) unlock();
    else await facts.close();
    throw error;
  }
}

/** Opens a single log, locked by `PATH.lock` until it is closed. Throws as `openSqliteLogs`. */
export async function openSqliteLog(path: string, options: { readonly upcasts?: Upcasts } = {}): Promise<EventLog> {
  mkdirSync(dirname(path), { recursive: true });
  const unlock = takeLock(`${path}.lock`);
  try {
    return new SqliteLog(path, { ...options, onClose: unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}
