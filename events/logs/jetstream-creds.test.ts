// `?creds=FILE` on a real server in operator mode: a user's JWT decides what it may do, and for how long.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { createNatsOperator } from '../../test/support/nats-operator.ts';
import type { MeshLogs } from '../event-log.ts';
import { collect, succeeded, testAppend } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';
import { inboxOf, permissionsOf } from './jetstream-roles.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-creds-'));
const operator = createNatsOperator();
const started = await TestNats.start({ more: operator.configuration });
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;
const mesh = 'shop';

describe.skipIf(why !== '')(`openJetStreamLogs with a creds file${why}`, { timeout: 60_000 }, () => {
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const file = (name: string, content: string) => {
    writeFileSync(join(scratch, name), content, { mode: 0o600 });
    return join(scratch, name);
  };
  const urlOf = (creds: string, more = '') => `nats://127.0.0.1:${server.port}/${mesh}?creds=${creds}${more}`;
  const use = async (url: string, work: (logs: MeshLogs) => Promise<void>) => {
    const logs = await openJetStreamLogs(url);
    try {
      await work(logs);
    } finally {
      await Promise.all([logs.facts.close(), logs.deliveries.close()]);
    }
  };

  it('lets a user of the account do everything', async () => {
    await use(urlOf(file('admin.creds', operator.credentials('admin'))), async ({ facts, leases }) => {
      succeeded(await facts.append([testAppend('1', 'config/a'), testAppend('2', 'registry/consul/a')]));
      const lease = await leases?.acquire('adapters/consul/dc1', { holder: 'a', signal: AbortSignal.timeout(10_000) });
      expect(await lease?.confirm()).toBe(true);
      await lease?.release();
      expect(await facts.verify()).toMatchObject({ ok: true, events: 2 });
    });
  });

  it('lets a service do what its JWT says and nothing more', async () => {
    const creds = file(
      'citadel.creds',
      operator.credentials('citadel', { permissions: permissionsOf('citadel', mesh) }),
    );
    await use(urlOf(creds, `&inbox=${inboxOf('citadel')}`), async ({ facts }) => {
      succeeded(await facts.append([testAppend('3', 'identity/a')]));
      await expect(facts.append([testAppend('4', 'config/b')])).rejects.toMatchObject({ code: 'forbidden' });
      expect(await collect(facts.read())).toHaveLength(3);
    });
  });

  it('says that a JWT has ended, is of another operator, or that the file holds none', async () => {
    const ended = file('ended.creds', operator.credentials('ended', { expires: 1_700_000_100 }));
    const foreign = file('foreign.creds', createNatsOperator().credentials('foreign'));
    for (const creds of [ended, foreign]) {
      const opened = openJetStreamLogs(urlOf(creds));
      await expect(opened, creds).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/refuses the credentials/),
      });
    }
    const nothing = openJetStreamLogs(urlOf(file('nothing.creds', 'hello')));
    await expect(nothing).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(/nothing\.creds/) });
  });
});
