// No key, token or passphrase of a busy Citadel reaches its log output, its events, its errors, its status, its documents or a dump.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { requestSvid } from '../../agent/identity/citadel-client.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { controlPlaneId, formatSpiffeId } from '../../mesh/spiffe-id.ts';
import { type CitadelConfig, createCitadel } from './citadel.ts';
import { FileKeyStore } from './keys/file-key-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const spiffeId = 'spiffe://cluster.local/ns/shop/sa/web';
const config: CitadelConfig = {
  trustDomain: 'cluster.local',
  port: 0,
  folder,
  passphrase: undefined,
  pluggedIn: undefined,
  attest: {
    tokenIssuers: [],
    tokenAudience: 'periplus-citadel',
    nomad: undefined,
    consul: { url: 'http://127.0.0.1:1', caFile: undefined },
    authoritiesFile: undefined,
  },
  federation: [{ trustDomain: 'partner.example', source: { file: join(folder, 'none.json') } }],
  web: { port: 0, issuer: undefined, certificate: undefined },
};

/** Parts of every key in the folder that are long enough to be nothing else. */
const keysIn = (keys: string) =>
  readdirSync(keys).flatMap((file) => {
    const [body = ''] = readFileSync(join(keys, file), 'utf8').match(/[A-Za-z0-9+/=]{60,}/) ?? [];
    const bytes = Buffer.from(body, 'base64');
    // The scalar of a P-256 key in PKCS #8 (RFC 5915).
    return [body.slice(40, 80), bytes.subarray(36, 68).toString('hex'), bytes.subarray(36, 68).toString('base64url')];
  });

describe('secrets of a Citadel', () => {
  it('stay where they are through issues, refusals, failures and a whole rotation', { timeout: 60_000 }, async () => {
    const said: string[] = [];
    const note = (...words: readonly unknown[]) => void said.push(inspect(words, { depth: 9, maxStringLength: null }));
    const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
    const facts = new MemoryLog();
    const options = { facts, host: '127.0.0.1', name: 'test', clock: systemClock, logger };
    const citadel = createCitadel({ ...options, config });
    const stop = new AbortController();
    const running = Promise.all(citadel.services.map((service) => service.run(stop.signal)));
    const port = await vi.waitFor(() => citadel.port.value ?? Promise.reject(new Error('not open')), {
      timeout: 30_000,
    });
    const rootsFile = join(folder, 'root-cert.pem');
    const roots = await vi.waitFor(() => readFileSync(rootsFile, 'utf8'), { timeout: 30_000 });
    const citadelId = formatSpiffeId(controlPlaneId('cluster.local', 'citadel'));
    const ask = async (token: string) =>
      await requestSvid({ address: `localhost:${port}`, roots, citadelId, proof: { token } });

    const { token: join1 } = await citadel.admin.createJoinToken({ spiffeId }, 'user:anna');
    const svid = await ask(join1);
    const jwt = await citadel.admin.mintJwtSvid({ spiffeId, audience: ['vault'] }, 'user:anna');
    const bad = ['11111111-2222-3333-4444-555555555555', `pjt_${'A'.repeat(43)}`, 'eyJhbGciOiJub25lIn0.e30.', join1];
    for (const token of bad) note(await ask(token).catch((error) => error));
    for (const wrong of [
      { spiffeId: 'web', audience: ['a'] },
      { spiffeId, audience: [] },
    ])
      note(await citadel.admin.mintJwtSvid(wrong, 'user:anna').catch((error) => error));
    const keys = keysIn(join(folder, 'keys'));
    for (let step = 0; step < 5; step++) note(await citadel.admin.rotate('user:anna'));
    note(await citadel.admin.caStatus());
    keys.push(...keysIn(join(folder, 'keys')));
    const dump = inspect(citadel, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null });
    stop.abort();
    await running;
    let events = '';
    for await (const event of facts.read()) events += JSON.stringify(event);

    expect(said.join()).toContain('the join token is unknown');
    expect(events).toContain('certificate-issued');
    expect(keys.length).toBeGreaterThanOrEqual(6);
    const secrets = [...keys, ...bad, join1, jwt.token, svid.privateKey, 'PRIVATE KEY'];
    const places = {
      'log and errors': said.join('\n'),
      events,
      dump,
      'the public file': readFileSync(rootsFile, 'utf8'),
    };
    const found = Object.entries(places).flatMap(([place, text]) =>
      secrets.filter((secret) => secret !== '' && text.includes(secret)).map((secret) => `${place}: ${secret}`),
    );
    expect(found).toEqual([]);
  });

  it('are not in what is said of a wrong passphrase', async () => {
    const sealed = join(folder, 'sealed');
    const [right, wrong] = ['correct horse battery', 'wrong donkey'];
    const store = new FileKeyStore({ folder: sealed, passphrase: right, log2N: 10 });
    const { name } = await store.create('ecdsa-p256');
    const failure = await new FileKeyStore({ folder: sealed, passphrase: wrong }).open(name).catch((error) => error);
    expect(String(failure)).toContain('wrong passphrase');
    const shown = inspect([failure, store], { depth: 9, showHidden: true });
    for (const secret of [right, wrong]) expect(shown).not.toContain(secret);
  });
});
