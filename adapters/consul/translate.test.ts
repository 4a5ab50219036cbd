import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Endpoint, Service, Workload } from '../../events/model.ts';
import { type ConsulEntry, isEntries } from './consul-types.ts';
import { type ConsulMapping, translateEntries } from './translate.ts';

type Parts = { readonly [K in keyof ConsulEntry]?: Partial<ConsulEntry[K]> };

function entry({ Node, Service, Checks = [] }: Parts): ConsulEntry {
  return {
    Node: { Node: 'n1', Address: '10.0.0.1', Datacenter: 'dc1', ...Node },
    Service: { ID: 'web-1', Service: 'web', Address: '', Port: 8080, Tags: [], Meta: {}, ...Service },
    Checks: Checks as ConsulEntry['Checks'],
  };
}

function shown(entries: readonly ConsulEntry[], mapping?: ConsulMapping) {
  const { items, problem } = translateEntries(entries, mapping);
  return {
    problem,
    services: items.flatMap(({ kind, value }) => (kind === 'service' ? [value as Service] : [])),
    endpoints: items.flatMap(({ kind, value }) => (kind === 'endpoint' ? [value as Endpoint] : [])),
    workloads: items.flatMap(({ kind, value }) => (kind === 'workload' ? [value as Workload] : [])),
  };
}

const check = (Status: string, CheckID = 'c') => ({ CheckID, Status });

describe('translateEntries', () => {
  it('reads what a real Consul answers', () => {
    const answer: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata/health-web.json'), 'utf8'));
    if (!isEntries(answer)) throw new Error('no list of instances');
    const { services, endpoints, workloads } = shown(answer);
    expect(services).toMatchObject([
      { hostname: 'web.service.consul', clusterId: 'dc1', ports: [{ name: 'http', port: 8080, protocol: 'HTTP' }] },
    ]);
    expect(endpoints).toMatchObject([
      { id: 'node-1/web-1', address: '10.1.0.1', labels: { app: 'web', version: 'v1' }, health: 'healthy' },
    ]);
    const found = { addresses: ['10.1.0.1'], ports: { http: 8080 }, labels: { app: 'web', version: 'v1' } };
    expect(workloads).toMatchObject([{ name: 'node-1/web-1', clusterId: 'dc1', health: 'healthy', ...found }]);
  });

  it.each([
    ['passing checks', [check('passing'), check('passing')], 'healthy'],
    ['no checks', [], 'healthy'],
    ['a warning', [check('passing'), check('warning')], 'healthy'],
    ['a critical one', [check('passing'), check('critical')], 'unhealthy'],
    ['a state that is not known', [check('odd')], 'unhealthy'],
    ['maintenance of the service', [check('critical', '_service_maintenance:web-1')], 'draining'],
    ['maintenance of the node and failure', [check('critical', '_node_maintenance'), check('critical')], 'unhealthy'],
  ] as const)('with %s it is as it should be', (_, Checks, health) => {
    expect(shown([entry({ Checks: Checks as ConsulEntry['Checks'] })]).endpoints[0]?.health).toBe(health);
  });

  it('takes the weight of the state; 0 gets no new requests', () => {
    const Service = { Weights: { Passing: 10, Warning: 0 } };
    expect(shown([entry({ Service })]).endpoints[0]).toMatchObject({ weight: 10, health: 'healthy' });
    expect(shown([entry({ Service, Checks: [check('warning')] })]).endpoints[0]).toMatchObject({ health: 'draining' });
  });

  it('makes labels of tags and meta, meta first, and keeps as the service’s own what all agree on', () => {
    const one = entry({ Service: { Tags: ['version=v1', 'blue', '=x'], Meta: { version: 'v2', team: 'a' } } });
    const two = entry({ Service: { ID: 'web-2', Meta: { version: 'v3', team: 'a' } } });
    const { services, endpoints } = shown([one, two]);
    expect(endpoints[0]?.labels).toEqual({ app: 'web', version: 'v2', blue: 'true', team: 'a' });
    expect(services[0]?.labels).toEqual({ app: 'web', team: 'a' });
  });

  it.each([
    [{ Meta: { protocol: 'grpc' }, Tags: ['http'] }, 'GRPC', 'grpc'],
    [{ Tags: ['protocol=tcp'] }, 'TCP', 'tcp'],
    [{ Meta: { 'port-name': 'http2-api' } }, 'HTTP2', 'http2-api'],
    [{ Tags: ['blue', 'mongo'] }, 'Mongo', 'mongo'],
    [{ Tags: ['blue'] }, 'Unsupported', 'default'],
  ] as const)('of %j the protocol is %s on port %s', (Service, protocol, name) => {
    expect(shown([entry({ Service })]).services[0]?.ports).toEqual([{ name, port: 8080, protocol }]);
  });

  it('has the oldest instance’s port, in whatever order Consul lists them, unless meta says another', () => {
    const old = entry({ Service: { ID: 'z', Port: 9000, CreateIndex: 5 } });
    const young = entry({ Service: { ID: 'a', Port: 9001, CreateIndex: 6 } });
    const { services, endpoints } = shown([young, old]);
    expect(services[0]?.ports[0]?.port).toBe(9000);
    expect(endpoints.map(({ ports }) => ports.default)).toEqual([9000, 9001]);
    const declared = entry({ Service: { Port: 9000, Meta: { 'service-port': '80' } } });
    expect(shown([declared]).services[0]?.ports[0]?.port).toBe(80);
  });

  it('has the node’s address where the service has none', () => {
    const { endpoints } = shown([entry({}), entry({ Service: { ID: 'b', Address: '10.9.0.9' } })]);
    expect(endpoints.map(({ address }) => address).sort()).toEqual(['10.0.0.1', '10.9.0.9']);
  });

  it('finds the locality: the service’s, the node’s, meta’s, else the datacenter', () => {
    const of = (parts: Parts) => shown([entry(parts)]).endpoints[0]?.locality;
    expect(of({})).toBe('dc1');
    expect(of({ Node: { Meta: { region: 'eu', zone: 'a' } } })).toBe('eu/a');
    expect(of({ Node: { Locality: { Region: 'us', Zone: 'b' } } })).toBe('us/b');
    expect(of({ Node: { Locality: { Region: 'us' } }, Service: { Meta: { region: 'eu' } } })).toBe('eu');
  });

  it('maps hostnames by rule, with the namespace of Enterprise or of meta', () => {
    const mapping = { hostname: 'NAME.NS.svc.cluster.local' };
    const named = entry({ Service: { Service: 'Web', Namespace: 'shop' } });
    expect(shown([named], mapping).services).toMatchObject([
      { hostname: 'web.shop.svc.cluster.local', name: 'web', namespace: 'shop' },
    ]);
    const byMeta = entry({ Service: { Meta: { namespace: 'other' }, Namespace: 'default' } });
    expect(shown([byMeta], { hostname: 'NAME.DC.example' }).services).toMatchObject([
      { hostname: 'web.dc1.example', namespace: 'other' },
    ]);
  });

  it('has the virtual addresses that Consul gives', () => {
    const Service = { TaggedAddresses: { 'consul-virtual': { Address: '240.0.0.1', Port: 8080 } } };
    expect(shown([entry({ Service }), entry({ Service: { ...Service, ID: 'b' } })]).services[0]?.addresses).toEqual([
      '240.0.0.1',
    ]);
  });

  it.each([
    ['sidecar proxies', { Kind: 'connect-proxy' }],
    ['gateways', { Kind: 'mesh-gateway' }],
    ['Consul itself', { Service: 'consul' }],
    ['what has no port', { Port: 0 }],
  ])('does not show %s', (_, Service) => {
    expect(translateEntries([entry({ Service })])).toEqual({ items: [] });
  });

  it('names a service whose name is no DNS name', () => {
    expect(shown([entry({ Service: { Service: 'a b' } })])).toMatchObject({
      services: [],
      problem: expect.stringContaining('"a b.service.consul" is no DNS name'),
    });
  });
});
