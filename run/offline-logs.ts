// Opens a log that lies at rest, for commands that read it without a control plane.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshLogs } from '../events/event-log.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { logStoreOf } from './config.ts';

/**
 * Opens `sqlite:DIR` (or DIR), or `nats://…` or `kurrentdb://…` beside the processes that share it. Throws MeshError `usage` when there is no log,
 * `unavailable` when a running process holds the folder.
 */
export async function openOfflineLogs(store: string, workingDirectory: string): Promise<MeshLogs> {
  const found = logStoreOf(store.includes(':') ? store : `sqlite:${store}`, workingDirectory);
  if (found.kind === 'memory')
    throw new MeshError('usage', '--log memory: holds nothing to read: give sqlite:DIR or nats://HOST:PORT');
  if (found.kind === 'jetstream') {
    const { openJetStreamLogs } = await import('../events/logs/jetstream.ts');
    return await openJetStreamLogs(found.url, { existing: true, name: 'periplus-offline' });
  }
  if (found.kind === 'kurrentdb') {
    const { openKurrentDbLogs } = await import('../events/logs/kurrentdb.ts');
    return await openKurrentDbLogs(found.url, { existing: true, name: 'periplus-offline' });
  }
  // Opening makes what is missing; a reader must not.
  if (!existsSync(join(found.directory, 'facts.db'))) {
    throw new MeshError('usage', `${found.directory} holds no log: there is no facts.db in it`);
  }
  const { openSqliteLogs } = await import('../events/logs/sqlite.ts');
  return await openSqliteLogs(found.directory);
}
