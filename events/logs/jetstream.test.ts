import { afterAll, describe, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { describeEventLog } from './contract.ts';
import { openJetStreamLogs } from './jetstream.ts';

const server = await TestNats.start();
let meshes = 0;

if (server instanceof TestNats) {
  afterAll(() => server.dispose());
  describeEventLog('JetStreamLog', async () => {
    const url = server.url(`mesh-${++meshes}`);
    let logs = await openJetStreamLogs(url);
    const close = () => Promise.all([logs.facts.close(), logs.deliveries.close()]);
    return {
      log: logs.facts,
      reopen: async () => {
        await close();
        logs = await openJetStreamLogs(url);
        return logs.facts;
      },
      dispose: async () => void (await close()),
    };
  });
} else
  describe('JetStreamLog keeps the promises of EventLog', () => {
    it.skip(`the contract suite: no nats-server can be had: ${server.why}`, () => {});
  });
