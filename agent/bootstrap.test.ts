// The bootstrap's golden files: what a sidecar with everything and a gateway with the least are started with.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { agentBootstrap } from './agent-options.ts';
import { bootstrapOf } from './bootstrap.ts';
import { gatewayOptions, sidecarOptions } from './bootstrap-fixture.ts';
import { splitAddress, xdsCluster } from './bootstrap-static.ts';
import { sdsSocketIn } from './identity/agent-identity.ts';

/** Compares with a file beside the test; `npm run golden` rewrites it. */
function expectGolden(name: string, value: unknown): void {
  const path = join(import.meta.dirname, 'testdata', name);
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (process.env.GOLDEN === 'rewrite') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe('bootstrapOf', () => {
  it('gives a sidecar Istio’s node, every Pilot, and its listeners for readiness and metrics', () => {
    expectGolden('sidecar.out.json', bootstrapOf(sidecarOptions));
  });

  it('gives a gateway with the fewest options no static listener', () => {
    expectGolden('gateway.out.json', bootstrapOf(gatewayOptions));
  });

  it('knows its own service where it is to balance by zones', () => {
    const { identity } = sidecarOptions;
    const knowing = { ...identity, metadata: { ...identity.metadata, ENABLE_SELF_DISCOVERY: 'true' } };
    const { cluster_manager, static_resources } = bootstrapOf({ ...sidecarOptions, identity: knowing });
    expect(cluster_manager).toEqual({ local_cluster_name: 'local_cluster' });
    expect(JSON.stringify(static_resources)).toContain('"service_name":"local_cluster"');
  });
});

describe('agentBootstrap', () => {
  it('keeps the admin interface on loopback and reaches the agent there, when the other ports are open to all', () => {
    const { identity, pilotAddresses } = sidecarOptions;
    const means = { envoy: '/envoy', folder: '/nowhere', logger: silentLogger, clock: systemClock };
    const bootstrap = JSON.stringify(agentBootstrap({ identity, pilotAddresses, ...means, host: '0.0.0.0' }));
    expect(bootstrap).toContain('"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":15000}}');
    expect(bootstrap).toContain('"address":"127.0.0.1","port_value":15020');
    expect(bootstrap).toContain('"address":"0.0.0.0","port_value":15021');
  });
});

describe('an agent with an identity', () => {
  const { identity, pilotAddresses } = sidecarOptions;
  const means = { envoy: '/envoy', folder: '/nowhere', logger: silentLogger, clock: systemClock };
  const identitySource = {
    citadelAddresses: ['citadel:8060'],
    trustDomain: 'mesh.example',
    roots: async () => '',
    token: async () => undefined,
  } as const;
  const bootstrapWith = (xds: 'mtls' | 'plaintext') =>
    JSON.stringify(agentBootstrap({ identity, pilotAddresses, ...means, identitySource: { ...identitySource, xds } }));

  it('says so to Pilot, and has Envoy fetch its secrets from its socket', () => {
    const bootstrap = bootstrapWith('plaintext');
    expect(bootstrap).toContain('"PERIPLUS_IDENTITY":"SDS"');
    expect(bootstrap).toContain('"pipe":{"path":"/nowhere/sds.sock"}');
    expect(bootstrap).not.toContain('transport_socket');
  });

  it('lets Envoy speak with the mesh’s Pilot and no other server', () => {
    expect(bootstrapWith('mtls')).toContain('"exact":"spiffe://mesh.example/ns/periplus-system/sa/pilot"');
  });

  it('names the socket of a deep folder from the working directory, as a socket’s name is short', () => {
    // Short enough alone, too long below any working directory.
    const name = 'd'.repeat(96);
    const deep = join(process.cwd(), name);
    expect(sdsSocketIn(deep)).toBe(join(name, 'sds.sock'));
  });
});

describe('xdsCluster', () => {
  it('resolves names by DNS, and only names', () => {
    expect(xdsCluster(['127.0.0.1:15010', '[::1]:15010'])).toMatchObject({ type: 'STATIC' });
    expect(xdsCluster(['127.0.0.1:15010', 'pilot:15010'])).toMatchObject({ type: 'STRICT_DNS' });
  });

  it('splits addresses of every form', () => {
    expect(splitAddress('pilot:15010')).toEqual({ host: 'pilot', port: 15010 });
    expect(splitAddress('[fd00::1]:15010')).toEqual({ host: 'fd00::1', port: 15010 });
  });
});
