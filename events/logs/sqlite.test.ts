import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEventLog } from './contract.ts';
import { openSqliteLog } from './sqlite.ts';

describeEventLog('SqliteLog', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'periplus-log-'));
  const path = join(dir, 'facts.db');
  let log = await openSqliteLog(path);
  return {
    log,
    reopen: async () => {
      await log.close();
      return (log = await openSqliteLog(path));
    },
    dispose: async () => {
      await log.close();
      rmSync(dir, { recursive: true });
    },
  };
});
