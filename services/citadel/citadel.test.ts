import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { createCitadel } from './citadel.ts';

const config = {
  trustDomain: 'cluster.local',
  port: 0,
  passphrase: undefined,
  pluggedIn: undefined,
  tokenIssuers: [],
};
const common = { facts: new MemoryLog(), host: '127.0.0.1', name: 'test', clock: systemClock, logger: silentLogger };

it('a Citadel opens its port, leaves its roots for agents, makes tokens for its own trust domain alone, and stops', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-citadel-'));
  const citadel = createCitadel({ ...common, config: { ...config, folder } });
  const stop = new AbortController();
  const running = Promise.all(citadel.services.map((service) => service.run(stop.signal)));
  const roots = await vi.waitFor(() => readFileSync(join(folder, 'root-cert.pem'), 'utf8'), { timeout: 10_000 });
  expect(roots).toContain('BEGIN CERTIFICATE');
  await vi.waitFor(() => expect(citadel.port.value).toBeGreaterThan(0), { timeout: 10_000 });
  expect(await citadel.admin.caStatus()).toMatchObject({ next: 'prepare', lagging: [] });
  const make = (spiffeId: string) => citadel.admin.createJoinToken({ spiffeId, lifeSeconds: 60 }, 'user:anna');
  expect((await make('spiffe://cluster.local/ns/shop/sa/web')).token).toMatch(/^pjt_/);
  await expect(make('spiffe://other/ns/shop/sa/web')).rejects.toThrow('trust domain');
  await expect(make('web')).rejects.toThrow('no SPIFFE ID');
  stop.abort();
  await running;
  rmSync(folder, { recursive: true });
});

it('is not made with a trust domain or an issuer that can not be', () => {
  const make = (more: object) => () => createCitadel({ ...common, config: { ...config, folder: '/nowhere', ...more } });
  expect(make({ trustDomain: 'a/b' })).toThrow('trust domain');
  const issuer = { platform: 'nomad', issuer: 'https://nomad?x', jwksUrl: 'https://nomad/jwks', audience: 'a' };
  expect(make({ tokenIssuers: [issuer] })).toThrow('issuer');
});
