// Opens the log that the configuration names.
import { join } from 'node:path';
import type { MeshLogs } from '../events/event-log.ts';
import { openMemoryLogs } from '../events/logs/memory.ts';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ProcessConfig } from './config.ts';

/** Rejects with what opening it rejects with; `signal` gives up waiting for a log that other machines keep. */
export async function openLogs(
  { dataDirectory, log, name }: ProcessConfig,
  { clock, logger, signal }: { readonly clock: Clock; readonly logger: Logger; readonly signal?: AbortSignal },
): Promise<MeshLogs> {
  if (log.kind === 'memory') return openMemoryLogs();
  if (log.kind === 'sqlite') return await openSqliteLogs(log.directory);
  const means = { name, seenDirectory: join(dataDirectory, 'seen'), clock, logger: logger.child({ part: 'log' }) };
  const options = { ...means, ...(signal && { signal }) };
  // The clients take 100 ms to import: only those who use one wait for it.
  if (log.kind === 'kurrentdb') {
    const { openKurrentDbLogs } = await import('../events/logs/kurrentdb.ts');
    return await openKurrentDbLogs(log.url, options);
  }
  const { openJetStreamLogs } = await import('../events/logs/jetstream.ts');
  return await openJetStreamLogs(log.url, options);
}
