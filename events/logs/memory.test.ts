import { describeEventLog } from './contract.ts';
import { MemoryLog } from './memory.ts';

describeEventLog('MemoryLog', async () => {
  const log = new MemoryLog();
  return { log, dispose: () => log.close() };
});
