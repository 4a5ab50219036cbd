// Who may do what: every way to prove who one is, and a client that may only do what a service needs (docs/decisions/0008).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { afterAll, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { collect, succeeded, testAppend } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-nats-access-'));
const key = nkeys.createUser();
const reads = ['INFO', 'MSG.GET'].map((name) => `"$JS.API.STREAM.${name}.*"`).join(', ');
const needed = `${reads}, "$JS.API.DIRECT.GET.*", "$JS.API.CONSUMER.>"`;
const permissions = `permissions: { publish: ["shop.facts.registry.>", "shop.facts.system.>", ${needed}], subscribe: ["_INBOX_adapters.>"] }`;
const users = `{ user: anna, password: "p@ss" }, { nkey: ${key.getPublicKey()} }, { user: adapters, password: pw, ${permissions} }`;
const started = await TestNats.start({ more: `authorization { users: [ ${users} ] }` });
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

describe.skipIf(why !== '')(`openJetStreamLogs with credentials${why}`, () => {
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const at = (login: string, more = '') => `nats://${login}127.0.0.1:${server.port}/shop${more}`;
  const openAndClose = async (url: string, use: (facts: Logs['facts']) => Promise<void> = async () => {}) => {
    const logs = await openJetStreamLogs(url);
    try {
      await use(logs.facts);
    } finally {
      await Promise.all([logs.facts.close(), logs.deliveries.close()]);
    }
  };

  it('takes a password, and an nkey from a file', async () => {
    await openAndClose(at('anna:p%40ss@'), async (facts) => {
      succeeded(await facts.append([testAppend('1', 'registry/a')]));
    });
    const seed = join(scratch, 'seed');
    writeFileSync(seed, `${new TextDecoder().decode(key.getSeed())}\n`);
    await openAndClose(at('', `?nkey=${seed}`), async (facts) => expect(await collect(facts.read())).toHaveLength(1));
  });

  it('says that credentials are refused or can not be read, instead of waiting', async () => {
    await expect(openJetStreamLogs(at('anna:wrong@'))).rejects.toMatchObject({ code: 'invalid' });
    await expect(openJetStreamLogs(at('', '?nkey=/nowhere/seed'))).rejects.toMatchObject({ code: 'invalid' });
  });

  it('works with no more permissions than a service needs, and appends nothing that is not its own', async () => {
    await openAndClose(at('adapters:pw@', '?inbox=_INBOX_adapters'), async (facts) => {
      const abort = new AbortController();
      const batches = facts.subscribe({ after: 0, signal: abort.signal })[Symbol.asyncIterator]();
      expect((await batches.next()).value).toMatchObject({ bookmark: 1 });
      await openAndClose(at('anna:p%40ss@'), async (other) => {
        succeeded(await other.append([testAppend('2', 'registry/b')]));
      });
      expect((await batches.next()).value).toMatchObject({ bookmark: 2 });
      abort.abort();
      succeeded(await facts.append([testAppend('3', 'registry/c'), testAppend('4', 'registry/c')]));
      await expect(facts.append([testAppend('5', 'config/x')])).rejects.toMatchObject({ code: 'forbidden' });
      expect(await facts.verify()).toMatchObject({ ok: true, events: 4 });
    });
  });
});

type Logs = Awaited<ReturnType<typeof openJetStreamLogs>>;
