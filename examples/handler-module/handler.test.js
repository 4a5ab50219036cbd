// The contract suite of handlers, run as a third party runs it: `npx vitest run`, with periplus and vitest installed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'periplus/handler';
import { handlerContract } from 'periplus/handler-contract';
import { createHandler } from './index.js';

const logger = { info() {}, warn() {}, error() {} };

handlerContract('guests', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'guests-'));
  const file = join(folder, 'log');
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0);
  return {
    kind: { name: 'guests', templates: ['listentry', 'logentry'] },
    handler: createHandler({ guests: ['jason'], file }, { name: 'guests.default', clock: systemClock, logger }),
    instances: [
      { template: 'listentry', name: 'who.default', fields: { value: 'jason' } },
      { template: 'logentry', name: 'visits.default', fields: { severity: 'info', variables: { user: 'jason' } } },
    ],
    delivered: async () => lines(),
    close: async () => rmSync(folder, { recursive: true }),
  };
});
