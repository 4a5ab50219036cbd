import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { controlPlaneId, formatSpiffeId } from '../../../mesh/spiffe-id.ts';
import { ManualClock, testCa } from '../citadel-fixture.ts';
import { bundleDocument } from '../web/documents.ts';
import { WebServer } from '../web/web-server.ts';
import { generateKeyPair } from '../x509/keys.ts';
import { Federation } from './federation.ts';
import type { FederatedDomain } from './fetch-bundle.ts';
import { parseForeignBundle } from './parse-bundle.ts';

const trustDomain = 'partner.example';
const endpointId = formatSpiffeId(controlPlaneId(trustDomain, 'citadel'));
// TLS goes by the machine's clock.
const partner = testCa({ trustDomain, clock: new ManualClock(Date.now()) });
const folder = mkdtempSync(join(tmpdir(), 'periplus-federation-'));
const rootsFile = join(folder, 'partner.pem');
const stop = new AbortController();
let documentOverride: object | undefined;
const web = new WebServer({
  ca: partner.ca,
  trustDomain,
  host: '127.0.0.1',
  port: 0,
  clock: partner.clock,
  logger: silentLogger,
  documentAt: () => documentOverride ?? documentOf(),
});
function documentOf(): object {
  const bundle = partner.ca.bundle.value;
  if (!bundle) throw new Error('no bundle');
  return bundleDocument({ bundle, jwtKeys: [], keysPublished: 0 });
}
let url = '';
const running: Promise<void>[] = [];
beforeAll(async () => {
  await partner.ca.open();
  writeFileSync(rootsFile, partner.ca.bundle.value?.roots.join('') ?? '');
  running.push(web.run(stop.signal));
  const port = await vi.waitFor(() => web.port.value ?? Promise.reject(new Error('not open')), { timeout: 10_000 });
  url = `https://localhost:${port}/bundle`;
});
afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  rmSync(folder, { recursive: true, force: true });
});

/** A federation that runs, what it wrote, and what it complained of. */
function follow(domains: readonly FederatedDomain[], facts = new MemoryLog()) {
  const clock = new ManualClock();
  const problems: string[] = [];
  const tell = (fields: object) => problems.push(String(Reflect.get(fields, 'problem')));
  const logger = { ...silentLogger, error: tell } as typeof silentLogger;
  const federation = new Federation({ domains, trustDomain: 'cluster.local', facts, clock, logger, name: 'test' });
  const end = new AbortController();
  const ended = federation.run(end.signal);
  const events = async () => {
    const found = [];
    for await (const event of facts.read({ subject: 'identity/federation' })) found.push(event);
    return found;
  };
  const until = async (fact: () => Promise<void>) => await vi.waitFor(fact, { timeout: 10_000 });
  const stopIt = async () => {
    end.abort();
    await ended;
  };
  return { clock, facts, problems, events, until, status: () => federation.status(), stop: stopIt };
}
const bySpiffe = (more: object = {}): FederatedDomain => ({
  trustDomain,
  source: { url, endpointId, initialFile: rootsFile, ...more },
});

describe('a federation', () => {
  it('takes the bundle of a server that proves its SPIFFE ID, and follows it through a rotation', async () => {
    const mesh = follow([bySpiffe()]);
    await mesh.until(async () => expect(await mesh.events()).toHaveLength(1));
    const [first] = await mesh.events();
    expect(first?.data).toMatchObject({ trustDomain, sequence: 1, roots: partner.ca.bundle.value?.roots });
    await mesh.clock.advance(300_000);
    for (const step of ['prepare', 'publish']) expect(await partner.ca.advance('user:x')).toMatchObject({ step });
    await mesh.until(async () => {
      await mesh.clock.advance(300_000);
      expect(await mesh.events()).toHaveLength(2);
    });
    expect((await mesh.events())[1]?.data).toMatchObject({ sequence: 2 });
    expect(mesh.problems).toEqual([]);
    expect(await mesh.status()).toEqual([{ trustDomain, source: url, roots: 2, sequence: 2 }]);
    await mesh.stop();
  });

  it('keeps the last good bundle when the endpoint is another’s, redirects, is gone, turns back or speaks nonsense', async () => {
    const facts = new MemoryLog();
    const good = follow([bySpiffe()], facts);
    await good.until(async () => expect(await good.events()).toHaveLength(1));
    await good.stop();
    const gone = { trustDomain: 'gone.example', source: { file: join(folder, 'nothing') } };
    const bad = follow([bySpiffe(), gone]);
    await bad.until(async () => expect(bad.problems).toHaveLength(1));
    expect(await bad.status()).toContainEqual({
      trustDomain: 'gone.example',
      source: gone.source.file,
      roots: 0,
      problem: expect.stringContaining('can not be read'),
    });
    await bad.stop();
    const strangers = testCa({ trustDomain, clock: new ManualClock(Date.now()) });
    await strangers.ca.open();
    const otherRoots = join(folder, 'other.pem');
    writeFileSync(otherRoots, strangers.ca.bundle.value?.roots.join('') ?? '');
    const cases: readonly [string, FederatedDomain, object?][] = [
      ['not the endpoint', bySpiffe({ endpointId: formatSpiffeId(controlPlaneId(trustDomain, 'pilot')) })],
      ['can not be asked', bySpiffe({ url: 'https://localhost:1/bundle' })],
      ['older', bySpiffe(), { ...documentOf(), spiffe_sequence: 0 }],
      ['no keys', bySpiffe(), { error: 'x' }],
      ['no authority', bySpiffe(), { keys: [] }],
    ];
    for (const [problem, domain, answer] of cases) {
      documentOverride = answer;
      const mesh = follow([domain], facts);
      await mesh.until(async () => expect(mesh.problems.join()).toContain(problem));
      await mesh.stop();
      documentOverride = undefined;
    }
    expect(await good.events()).toHaveLength(1);
    // Somebody else's roots: nothing is known yet, and the server can't prove itself by them.
    const fresh = follow([bySpiffe({ initialFile: otherRoots })]);
    await fresh.until(async () => expect(fresh.problems).not.toEqual([]));
    expect(await fresh.events()).toEqual([]);
    await fresh.stop();
  });

  it('follows no redirect', async () => {
    const { publicKey, pkcs8 } = await generateKeyPair('ecdsa-p256');
    const id = controlPlaneId(trustDomain, 'citadel');
    const { certificate } = await partner.ca.sign({ id, publicKey });
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    const server = createServer({ cert: certificate, key }, (_, response) =>
      response.writeHead(302, { location: url }).end('{}'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const redirecting = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const mesh = follow([bySpiffe({ url: redirecting })]);
    await mesh.until(async () => expect(mesh.problems.join()).toContain('redirects are not followed'));
    expect(await mesh.events()).toEqual([]);
    await mesh.stop();
    server.close();
  });

  it('takes roots from a file, and ends what is configured no more', async () => {
    const facts = new MemoryLog();
    const first = follow([{ trustDomain, source: { file: rootsFile } }], facts);
    await first.until(async () => expect(await first.events()).toHaveLength(1));
    await first.stop();
    const second = follow([], facts);
    await second.until(async () => expect(await second.events()).toHaveLength(2));
    expect((await second.events())[1]).toMatchObject({ type: 'io.periplus.identity.federation-ended' });
    await second.stop();
    const third = follow([], facts);
    await third.stop();
    expect(await third.events()).toHaveLength(2);
  });

  it('is not made with oneself or twice', () => {
    const source = { file: rootsFile };
    expect(() => follow([{ trustDomain: 'cluster.local', source }])).toThrow('own trust domain');
    expect(() => follow([bySpiffe(), { trustDomain, source }])).toThrow('twice');
  });
});

describe('parseForeignBundle', () => {
  it('takes authorities alone, each once, and says why it takes nothing', async () => {
    await partner.ca.open();
    const [root = ''] = partner.ca.bundle.value?.roots ?? [];
    const { publicKey } = await generateKeyPair('ecdsa-p256');
    const leaf = await partner.ca.sign({ id: controlPlaneId(trustDomain, 'pilot'), publicKey });
    const x5c = (pem: string) => [pem.replace(/-----.*?-----|\s/g, '')];
    const documentWith = (...keys: object[]) => JSON.stringify({ keys, spiffe_sequence: -1, spiffe_refresh_hint: 'x' });
    expect(parseForeignBundle(`${root}${root}`)).toMatchObject({ roots: [root] });
    const jwt = { use: 'jwt-svid', kid: 'x' };
    expect(parseForeignBundle(documentWith({ use: 'x509-svid', x5c: x5c(root) }, jwt, { use: 'later' }))).toEqual({
      roots: [root],
    });
    const reasons: readonly [string, string][] = [
      ['', 'neither'],
      ['{}', 'no keys'],
      ['null', 'no keys'],
      [documentWith(jwt), 'no authority'],
      [documentWith({ use: 'x509-svid' }), 'exactly one'],
      [documentWith({ use: 'x509-svid', x5c: [...x5c(root), ...x5c(root)] }), 'exactly one'],
      [documentWith({ use: 'x509-svid', x5c: ['AAAA'] }), 'can not be read'],
      [documentWith({ use: 'x509-svid', x5c: x5c(leaf.certificate) }), 'no CA'],
      [leaf.certificate, 'no CA'],
      [root.repeat(21), 'more than 20'],
    ];
    for (const [text, reason] of reasons) expect(parseForeignBundle(text)).toContain(reason);
  });
});
