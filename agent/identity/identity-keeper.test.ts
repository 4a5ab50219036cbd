import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { testCa } from '../../services/citadel/citadel-fixture.ts';
import { generateKeyPair } from '../../services/citadel/x509/keys.ts';
import type { SvidRequest } from './citadel-client.ts';
import { IdentityKeeper, type IdentityKeeperOptions } from './identity-keeper.ts';
import { loadSvid, saveSvid } from './svid-cache.ts';
import { type WorkloadSvid, workloadSvid } from './workload-svid.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const uri = 'spiffe://cluster.local/ns/shop/sa/web';
const hourMs = 3_600_000;
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A keeper whose Citadel is a CA in this process, which can be away. */
function aKeeper(more: Partial<IdentityKeeperOptions> = {}) {
  const { ca, clock } = testCa();
  const folder = more.folder ?? mkdtempSync(join(tmpdir(), 'periplus-identity-'));
  folders.push(folder);
  const asked: SvidRequest[] = [];
  const said: string[] = [];
  const log = (fields: object, message: string) => said.push(JSON.stringify(fields) + message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const citadel = { away: false };
  const request = async (wanted: SvidRequest) => {
    asked.push(wanted);
    if (citadel.away) throw new MeshError('unavailable', 'nobody answers');
    return await anSvid(ca);
  };
  const keeper = new IdentityKeeper({
    folder,
    citadelAddresses: ['one:8060', 'two:8060'],
    citadelId: 'spiffe://cluster.local/ns/periplus-system/sa/citadel',
    roots: async () => 'bootstrap roots',
    token: async () => 'a token',
    expected: uri,
    clock,
    logger,
    random: () => 0.5,
    request,
    ...more,
  });
  const stop = new AbortController();
  const start = () => keeper.run(stop.signal);
  return { keeper, clock, folder, asked, said, citadel, start, stop, ca };
}

async function anSvid(ca: ReturnType<typeof testCa>['ca']): Promise<WorkloadSvid> {
  const { pkcs8, publicKey } = await generateKeyPair('ecdsa-p256');
  const { certificate, bundle } = await ca.sign({ id, publicKey });
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  const svid = workloadSvid({ certificateChain: certificate, privateKey, roots: bundle.roots.join('') });
  if (typeof svid === 'string') throw new Error(svid);
  return svid;
}

/** Lets what does not wait for the clock (files, keys) go on until `done`. */
const until = (done: () => boolean) => vi.waitFor(() => expect(done()).toBe(true), { timeout: 10_000, interval: 2 });

describe('an identity keeper', () => {
  it('gets an SVID, keeps it for its owner alone, and renews it at half its life', async () => {
    const { keeper, clock, folder, asked, start, stop, said } = aKeeper();
    const running = start();
    await until(() => clock.sleeping > 0);
    expect(keeper.svid.value?.spiffeId).toBe(uri);
    expect(asked[0]).toMatchObject({ proof: { token: 'a token' }, roots: 'bootstrap roots', expected: uri });
    expect(statSync(join(folder, 'svid.json')).mode & 0o777).toBe(0o600);
    const first = keeper.svid.value;
    await clock.advance(30 * 60_000 - 1_000);
    expect(asked).toHaveLength(1);
    await clock.advance(1_000);
    await until(() => keeper.svid.value !== first);
    expect(keeper.svid.value?.privateKey).not.toBe(first?.privateKey);
    expect(asked[1]).toMatchObject({ roots: `${first?.roots}bootstrap roots`, address: 'two:8060' });
    stop.abort();
    await running;
    expect(said.join('')).not.toMatch(/PRIVATE KEY/);
  });

  it('spreads renewals by its own random number', async () => {
    for (const [random, minutes] of [
      [0, 24],
      [1, 36],
    ] as const) {
      const { clock, asked, start, stop } = aKeeper({ random: () => random });
      const running = start();
      await until(() => clock.sleeping > 0);
      await clock.advance(minutes * 60_000 - 1);
      expect(asked).toHaveLength(1);
      await clock.advance(1);
      await until(() => asked.length === 2);
      stop.abort();
      await running;
    }
  });

  it('serves the last SVID while Citadel is away, asks again and again, and renews when it is back', async () => {
    const { keeper, clock, asked, citadel, start, stop } = aKeeper();
    const running = start();
    await until(() => clock.sleeping > 0);
    const first = keeper.svid.value;
    citadel.away = true;
    for (let minute = 0; minute < 90; minute++) {
      await clock.advance(60_000);
      await until(() => clock.sleeping > 0);
    }
    expect(keeper.svid.value).toBe(first);
    expect(asked.length).toBeGreaterThan(20);
    // An answer that got lost comes again to the same key alone, where the proof was a one-time token.
    expect(new Set(asked.slice(1).map(({ keys }) => keys)).size).toBe(1);
    expect(asked[1]?.keys).not.toBe(asked[0]?.keys);
    citadel.away = false;
    await clock.advance(60_000);
    await until(() => keeper.svid.value !== first);
    stop.abort();
    await running;
  });

  it('starts from the cache with no control plane, unless what is there has expired or is another’s', async () => {
    const { ca } = testCa();
    const folder = mkdtempSync(join(tmpdir(), 'periplus-identity-'));
    const svid = await anSvid(ca);
    await saveSvid(folder, svid);
    const { keeper, clock, start, stop, asked } = aKeeper({ folder });
    const running = start();
    await until(() => clock.sleeping > 0);
    expect([keeper.svid.value, asked.length]).toEqual([svid, 0]);
    stop.abort();
    await running;
    const nowMs = clock.nowMs();
    expect(await loadSvid(folder, { nowMs: nowMs + hourMs })).toContain('expired');
    expect(await loadSvid(folder, { nowMs, expected: `${uri}x` })).toContain(uri);
    const path = join(folder, 'svid.json');
    const other = await anSvid(ca);
    const mixed = { ...JSON.parse(readFileSync(path, 'utf8')), privateKey: other.privateKey };
    writeFileSync(path, JSON.stringify(mixed));
    expect(await loadSvid(folder, { nowMs })).toContain('key is another');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 300));
    const problem = await loadSvid(folder, { nowMs });
    expect(problem).toContain('can not be read');
    expect(JSON.stringify(problem)).not.toContain('BEGIN');
  });

  it('proves itself with its SVID where it has no token, or one that proves nobody twice', async () => {
    for (const token of [undefined, 'pjt_once']) {
      const { ca } = testCa();
      const folder = mkdtempSync(join(tmpdir(), 'periplus-identity-'));
      const svid = await anSvid(ca);
      await saveSvid(folder, svid);
      const { clock, start, stop, asked } = aKeeper({ folder, token: async () => token });
      const running = start();
      await until(() => clock.sleeping > 0);
      await clock.advance(hourMs / 2);
      await until(() => asked.length === 1);
      expect(asked[0]?.proof).toEqual({ svid });
      stop.abort();
      await running;
    }
  });
});
