// Each service's nkey on a real server that includes the generated configuration: it does its work, and is refused everybody else's.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import { afterAll, describe, expect, it } from 'vitest';
import { MeshError } from '../../lib/mesh-error.ts';
import { TestNats } from '../../test/support/nats.ts';
import type { MeshLogs } from '../event-log.ts';
import { collect, succeeded, testAppend } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';
import { authorizationFile, writeNatsKeys } from './jetstream-keys.ts';
import { inboxOf, type NatsRole, natsRoles, permissionsOf, platformRole } from './jetstream-roles.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-nkeys-'));
const mesh = 'shop';
const roles: readonly NatsRole[] = [...natsRoles, platformRole('consul'), platformRole('kubernetes')];
const keys = writeNatsKeys({ directory: scratch, mesh, roles });
// Paths of an include are relative to the file that has it.
const include = join('..', basename(scratch), authorizationFile);
const started = await TestNats.start({ more: `include "${include}"` });
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

const factsOfAll = [
  'config/Gateway/default/a',
  'registry/consul/service/default/a',
  'registry/kubernetes/service/default/a',
  'registry/mixer/service/default/a',
  'registry/proxy/health/default/a',
  'registry/consul/release/dc1',
  'identity/spiffe%3A%2F%2Fa',
  'policy/jwks/a',
  'system/quarantine/1',
];
/** What each role may append to the facts, of `factsOfAll`. */
const allowed: ReadonlyMap<NatsRole, (subject: string) => boolean> = new Map<NatsRole, (subject: string) => boolean>([
  ['pilot', (subject) => /^config|^policy|^system|^registry\/proxy|\/release\//.test(subject)],
  ['mixer', (subject) => /^policy|^registry\/mixer/.test(subject)],
  ['citadel', (subject) => subject.startsWith('identity')],
  ['adapters', (subject) => /^registry|^config/.test(subject)],
  [platformRole('consul'), (subject) => subject.startsWith('registry/consul')],
  [platformRole('kubernetes'), (subject) => /^registry\/kubernetes|^config/.test(subject)],
  ['mirror', () => false],
  ['reader', () => false],
  ['compactor', () => false],
]);

describe('writeNatsKeys', () => {
  it('writes seeds that only their owner can read, and keeps those that are there', () => {
    for (const { seedFile, publicKey } of keys) {
      expect(statSync(seedFile).mode & 0o777).toBe(0o600);
      expect(readFileSync(seedFile, 'utf8')).toMatch(/^SU[A-Z2-7]{56}\n$/);
      expect(readFileSync(join(scratch, authorizationFile), 'utf8')).toContain(publicKey);
    }
    const again = writeNatsKeys({ directory: scratch, mesh, roles });
    expect(again.map(({ publicKey }) => publicKey)).toEqual(keys.map(({ publicKey }) => publicKey));
    expect(again.every(({ kept }) => kept)).toBe(true);
    const written = readFileSync(join(scratch, authorizationFile), 'utf8');
    for (const { seedFile } of keys) expect(written).not.toContain(readFileSync(seedFile, 'utf8').trim());
  });

  it('names a file that holds no seed', () => {
    const directory = mkdtempSync(join(scratch, 'bad-'));
    writeFileSync(join(directory, 'pilot.nk'), 'hello');
    expect(() => writeNatsKeys({ directory, mesh, roles: ['pilot'] })).toThrow(/pilot\.nk holds no nkey seed/);
    expect(() => platformRole('a.b')).toThrow(MeshError);
  });
});

describe.skipIf(why !== '')(`services with keys of their own${why}`, { timeout: 60_000 }, () => {
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const urlOf = (role: NatsRole) =>
    `nats://127.0.0.1:${server.port}/${mesh}?${keys.find((key) => key.role === role)?.query ?? ''}&lease=60`;
  const use = async (role: NatsRole, work: (logs: MeshLogs) => Promise<void>) => {
    const logs = await openJetStreamLogs(urlOf(role));
    try {
      await work(logs);
    } finally {
      await Promise.all([logs.facts.close(), logs.deliveries.close()]);
    }
  };
  const raw = async (role: NatsRole) =>
    await connect({
      servers: `127.0.0.1:${server.port}`,
      inboxPrefix: inboxOf(role),
      authenticator: nkeyAuthenticator(readFileSync(join(scratch, `${role}.nk`)).subarray(0, 58)),
    });
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof MeshError ? error.code : String(error)),
    );

  it('refuses whoever has no key', async () => {
    const anonymous = openJetStreamLogs(`nats://127.0.0.1:${server.port}/${mesh}`);
    await expect(anonymous).rejects.toMatchObject({ code: 'invalid' });
  });

  it.each(roles.filter((role) => role !== 'reader' && role !== 'compactor'))(
    '%s appends what is its own and is refused what is not',
    async (role) => {
      await use(role, async ({ facts, deliveries }) => {
        for (const [i, subject] of factsOfAll.entries()) {
          const expected = allowed.get(role)?.(subject) ? 'done' : 'forbidden';
          expect(await outcome(facts.append([testAppend(`${role}-${i}`, subject)])), subject).toBe(expected);
        }
        const delivery = outcome(deliveries.append([testAppend(`${role}-d`, 'proxy/a')]));
        expect(await delivery).toBe(role === 'pilot' ? 'done' : 'forbidden');
        // Checkpoints are everybody's, and so is reading.
        expect(await facts.verify()).toMatchObject({ ok: true });
      });
    },
  );

  it('lets each writer fill the log with its own beyond a checkpoint, in messages of one event and of many', async () => {
    await use(platformRole('consul'), async ({ facts }) => {
      for (const count of [900, 1500]) {
        const batch = Array.from({ length: count }, (_, i) =>
          testAppend(`${count}-${i}`, `registry/consul/service/default/${i % 7}`),
        );
        succeeded(await facts.append(batch));
      }
      expect((await collect(facts.read({ subject: 'system/checkpoint' }))).length).toBeGreaterThan(0);
    });
  });

  it('gives leases to those who need them, and others’ to nobody', async () => {
    const signal = AbortSignal.timeout(10_000);
    await use('adapters', async ({ leases }) => {
      const lease = await leases?.acquire('adapters/kubernetes/a', { holder: 'a', signal });
      expect(await lease?.confirm()).toBe(true);
      await lease?.release();
    });
    await use(platformRole('consul'), async ({ leases }) => {
      const lease = await leases?.acquire('adapters/consul/dc1', { holder: 'c', signal });
      expect(await lease?.confirm()).toBe(true);
      await lease?.release();
      const other = leases?.acquire('adapters/kubernetes/a', { holder: 'c', signal });
      await expect(other).rejects.toMatchObject({ code: 'forbidden' });
    });
  });

  it('reads with the reader’s key and writes nothing', async () => {
    await use('reader', async ({ facts }) => {
      expect((await collect(facts.read({ limit: 1 }))).length).toBe(1);
      expect(await outcome(facts.append([testAppend('reader', 'config/x')]))).toBe('forbidden');
    });
  });

  it('lets nobody delete a stream or a message, and only the compactor purge', async () => {
    for (const role of roles) {
      const connection = await raw(role);
      const ask = (subject: string, body = '') => outcome(connection.request(subject, body, { timeout: 2_000 }));
      for (const name of ['STREAM.DELETE', 'STREAM.MSG.DELETE', 'STREAM.UPDATE'])
        expect(await ask(`$JS.API.${name}.${mesh}-facts`, '{}'), `${role} ${name}`).toMatch(/permission/i);
      const purge = await ask(`$JS.API.STREAM.PURGE.${mesh}-snapshots`, '{}');
      expect(purge === 'done', role).toBe(role === 'compactor');
      await connection.close();
    }
  });

  it('keeps answers of one service from the others', () => {
    for (const role of roles)
      for (const subject of permissionsOf(role, mesh).subscribe.filter((one) => one.startsWith('_INBOX')))
        expect(subject).toBe(`_INBOX_${role}.>`);
  });
});
