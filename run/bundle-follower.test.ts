// A Pilot apart from Citadel, with real parts: Citadel's CA and signing port, the keeper, and the log between them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { createJoinToken, createJoinTokenAttestor } from '../services/citadel/attest/join-token.ts';
import { createX509Attestor } from '../services/citadel/attest/x509-pop.ts';
import { ManualClock, testCa } from '../services/citadel/citadel-fixture.ts';
import { CsrServer } from '../services/citadel/csr/csr-server.ts';
import { followBundles } from './bundle-follower.ts';

const trustDomain = 'cluster.local';
const folder = mkdtempSync(join(tmpdir(), 'periplus-follower-'));
const stop = new AbortController();
const running: Promise<unknown>[] = [];
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  rmSync(folder, { recursive: true, force: true });
});
const soon = { timeout: 30_000 };

it('a rotation goes on as soon as a Pilot apart has heard of the new bundle, long before its certificate is half through', async () => {
  const { ca, facts } = testCa({ trustDomain, clock: new ManualClock(systemClock.nowMs()) });
  const means = { facts, clock: systemClock, source: '/citadel/test', trustDomain };
  const attestors = [createJoinTokenAttestor(means), createX509Attestor({ trustDomain, clock: systemClock })];
  const at = { host: '127.0.0.1', port: 0, name: 'test', clock: systemClock, logger: silentLogger };
  const citadel = new CsrServer({ ca, trustDomain, attestors, facts, ...at });
  running.push(citadel.run(stop.signal));
  const port = await vi.waitFor(() => citadel.port.value ?? Promise.reject(new Error('not open')), soon);
  const id = controlPlaneId(trustDomain, 'pilot');
  const { token } = await createJoinToken(means, { id, actor: 'user:test' });
  const keeper = new IdentityKeeper({
    folder,
    citadelAddresses: [`localhost:${port}`],
    citadelId: formatSpiffeId(controlPlaneId(trustDomain, 'citadel')),
    expected: formatSpiffeId(id),
    roots: async () => ca.bundle.value?.roots.join('') ?? '',
    token: async () => token,
    clock: systemClock,
    logger: silentLogger,
    random: () => 0.5,
  });
  running.push(keeper.run(stop.signal));
  running.push(followBundles({ facts, trustDomain, keeper, logger: silentLogger }).run(stop.signal));
  const first = await vi.waitFor(() => keeper.svid.value ?? Promise.reject(new Error('no SVID')), soon);

  for (const step of ['prepare', 'publish']) expect(await ca.advance('user:test')).toMatchObject({ ok: true, step });
  await vi.waitFor(() => expect(keeper.svid.value?.roots).toBe(ca.bundle.value?.roots.join('')), soon);
  await vi.waitFor(async () => expect(await ca.status()).toMatchObject({ lagging: [] }), soon);
  expect(await ca.advance('user:test')).toMatchObject({ ok: true, step: 'activate' });
  await vi.waitFor(() => expect(keeper.svid.value?.certificateChain).not.toBe(first.certificateChain), soon);
});
