import { randomUUID } from 'node:crypto';
import { afterAll, describe, it } from 'vitest';
import { FakeKurrentDb } from '../../test/support/fake-kurrentdb.ts';
import { describeEventLog } from './contract.ts';
import type { OpenForTest } from './contract-fixture.ts';
import { openKurrentDbLogs } from './kurrentdb.ts';

/** Opens meshes of their own on one server. */
function opener(urlOf: (mesh: string) => string): OpenForTest {
  return async () => {
    const url = urlOf(`t${randomUUID().replaceAll('-', '').slice(0, 20)}`);
    let logs = await openKurrentDbLogs(url);
    const close = () => Promise.all([logs.facts.close(), logs.deliveries.close()]);
    return {
      log: logs.facts,
      reopen: async () => {
        await close();
        logs = await openKurrentDbLogs(url);
        return logs.facts;
      },
      dispose: async () => void (await close()),
    };
  };
}

const fake = await FakeKurrentDb.start();
afterAll(() => fake.stop());
describeEventLog(
  "KurrentDbLog on a fake of KurrentDB's protocol",
  opener((mesh) => `kurrentdb://127.0.0.1:${fake.port}/${mesh}?tls=false`),
);

const real = process.env.PERIPLUS_KURRENTDB_URL;
if (real !== undefined) {
  // The mesh's name goes between the hosts and the options.
  const [hosts = '', options] = real.split('?');
  const urlOf = (mesh: string) => `${hosts.replace(/\/$/, '')}/${mesh}${options === undefined ? '' : `?${options}`}`;
  describeEventLog('KurrentDbLog on a KurrentDB server', opener(urlOf));
} else
  describe('KurrentDbLog on a KurrentDB server keeps the promises of EventLog', () => {
    it.skip('the contract suite: PERIPLUS_KURRENTDB_URL names no server', () => {});
  });
