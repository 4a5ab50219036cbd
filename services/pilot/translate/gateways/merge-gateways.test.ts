// Merging of Gateways: which servers share a port, which are left out, what their routes are called.
import { describe, expect, it } from 'vitest';
import type { GatewaySpec, Server } from '../../../../mesh/config/schemas/gateway.ts';
import { resourceOf } from '../../../../mesh/snapshot-fixture.ts';
import { mergeGateways } from './merge-gateways.ts';

const gateway = (name: string, ...servers: Server[]) => resourceOf<GatewaySpec>('Gateway', name, { servers });
const http = (number: number, hosts = ['*'], over: Partial<Server> = {}): Server => ({
  port: { number, name: `http-${number}`, protocol: 'HTTP' },
  hosts,
  ...over,
});
const https = (name: string, hosts: string[], mode: 'SIMPLE' | 'PASSTHROUGH' = 'SIMPLE'): Server => ({
  port: { number: 443, name, protocol: 'HTTPS' },
  hosts,
  tls: { mode, credentialName: name },
});
const merged = (gateways: Parameters<typeof mergeGateways>[0], targets: [number, number][] = []) => {
  const { ports, serversByRoute } = mergeGateways(gateways, new Map(targets));
  return {
    ports: ports.map(({ bind, port, servers }) => `${bind}:${port} ${servers.length}`),
    routes: [...serversByRoute].map(([name, servers]) => `${name} ${servers.length}`),
  };
};

describe('mergeGateways', () => {
  it('given plain HTTP servers of two Gateways on a port, makes one route configuration of them', () => {
    expect(merged([gateway('a', http(80)), gateway('b', http(80))])).toEqual({
      ports: [':80 2'],
      routes: ['http.80 2'],
    });
  });

  it('given a service that maps the port, listens on the target port; HTTPS routes keep the server’s', () => {
    const targets: [number, number][] = [
      [80, 8080],
      [443, 8443],
    ];
    expect(merged([gateway('a', http(80), https('web', ['a.com']))], targets)).toEqual({
      ports: [':8080 1', ':8443 1'],
      routes: ['http.8080 1', 'https.443.web.a.default 1'],
    });
  });

  it('given TLS servers for different names, keeps both; for one name, the first', () => {
    const servers = [https('one', ['a.com']), https('two', ['b.com']), https('three', ['*/a.com'])];
    expect(merged([gateway('a', ...servers)]).routes).toEqual([
      'https.443.one.a.default 1',
      'https.443.two.a.default 1',
    ]);
  });

  it('given another protocol on a taken port, leaves the newcomer out', () => {
    const tcp: Server = { port: { number: 80, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] };
    expect(merged([gateway('a', http(80), tcp)]).ports).toEqual([':80 1']);
    expect(merged([gateway('a', tcp, http(80))]).ports).toEqual([':80 1']);
  });

  it('given plain HTTP on a port that has TLS, takes it; given TLS on a port that has plain HTTP, does not', () => {
    expect(merged([gateway('a', https('web', ['a.com']), http(443), https('late', ['b.com']))]).ports).toEqual([
      ':443 2',
    ]);
    const bytes: Server = { port: { number: 443, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] };
    expect(merged([gateway('a', https('web', ['a.com']), bytes, http(443))]).ports).toEqual([':443 2']);
  });

  it('given a bind of its own, keeps servers on one port apart', () => {
    expect(merged([gateway('a', http(80), http(80, ['*'], { bind: '127.0.0.1' }))])).toEqual({
      ports: [':80 1', '127.0.0.1:80 1'],
      routes: ['http.80 1', 'http.80.127.0.0.1 1'],
    });
  });

  it('given passthrough, has no route configuration', () => {
    expect(merged([gateway('a', https('pass', ['a.com'], 'PASSTHROUGH'))])).toEqual({ ports: [':443 1'], routes: [] });
  });
});
