// What a change costs: which routes and listeners stay the identical objects when something changes.
import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../../../events/model.ts';
import {
  builderOf,
  configApplied,
  endpointAt,
  endpointRegistered,
  httpService,
  type MeshFixture,
  record,
  resourceOf,
} from '../../../../mesh/snapshot-fixture.ts';
import { proxyScope } from '../compute-proxy-scope.ts';
import { buildListeners } from '../listeners/build.ts';
import { createMemo } from '../memo.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { buildRoutes } from './build.ts';
import { outboundHosts } from './outbound-hosts.ts';

const client: ProxyContext = {
  type: 'sidecar',
  generator: 'envoy',
  namespace: 'default',
  labels: { app: 'client' },
  addresses: ['10.9.0.1'],
  dnsDomain: 'default.svc.cluster.local',
  clusterId: '',
  network: '',
  locality: '',
  serviceAccount: '',
  interceptionMode: 'REDIRECT',
  httpProxyPort: 0,
};
const db = httpService('db', { addresses: ['10.96.0.7'], ports: [{ name: 'tcp', port: 5432, protocol: 'TCP' }] });
const services = [httpService('a'), httpService('b'), db];
const weighted = (name: string, weight: number, spec: object = {}): ConfigResource =>
  resourceOf('VirtualService', name, {
    hosts: [name],
    http: [
      {
        route: [
          { destination: { host: name, subset: 'v1' }, weight },
          { destination: { host: name, subset: 'v2' }, weight: 100 - weight },
        ],
      },
    ],
    ...spec,
  });

/** A mesh that changes, and what a proxy is given of it. */
function meshOf(fixture: MeshFixture) {
  const builder = builderOf(fixture);
  const memo = createMemo();
  const scopeOf = (context: ProxyContext) => proxyScope(builder.snapshot(), context, memo);
  return {
    apply: (...facts: Parameters<typeof record>[0]) => builder.applyAll(record(facts, builder.position + 1)),
    routes: (context = client) => buildRoutes(scopeOf(context), memo),
    listeners: (context = client) => buildListeners(scopeOf(context), memo),
    hosts: (port: number) => {
      const scope = scopeOf(client);
      const [egress] = scope.egress;
      return egress ? outboundHosts(egress, port, { scope, memo }) : [];
    },
  };
}

describe('the cost of a change', () => {
  it('given a changed VirtualService, writes its virtual host anew and no other', () => {
    const mesh = meshOf({ services, config: [weighted('a', 90), weighted('b', 90)] });
    const before = mesh.hosts(80);
    mesh.apply(configApplied(weighted('a', 50)));
    const after = mesh.hosts(80);
    expect(after.map(({ hostname }) => hostname)).toEqual(before.map(({ hostname }) => hostname));
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });

  it('given a changed http rule, keeps every listener', () => {
    const mesh = meshOf({ services, config: [weighted('a', 90)] });
    const before = mesh.listeners();
    mesh.apply(configApplied(weighted('a', 50)));
    expect([...mesh.listeners().values()]).toEqual([...before.values()]);
    expect(mesh.listeners().get('10.96.0.7_5432')).toBe(before.get('10.96.0.7_5432'));
  });

  it('given an endpoint change, gives the same maps', () => {
    const mesh = meshOf({ services });
    const [routes, listeners] = [mesh.routes(), mesh.listeners()];
    mesh.apply(endpointRegistered(endpointAt(services[0] ?? db, '10.0.0.9')));
    expect(mesh.routes()).toBe(routes);
    expect(mesh.listeners()).toBe(listeners);
  });

  it('given a VirtualService of a namespace that keeps it to itself, leaves others’ routes alone', () => {
    const mesh = meshOf({ services });
    const before = mesh.routes();
    mesh.apply(configApplied({ ...weighted('a', 50, { exportTo: ['.'] }), namespace: 'other' }));
    expect(mesh.routes()).toBe(before);
  });

  it('given two proxies that read the same, gives both the same map', () => {
    const mesh = meshOf({ services, config: [weighted('a', 90)] });
    const other = { ...client, labels: { app: 'other' }, addresses: ['10.9.0.2'] };
    expect(mesh.routes(other)).toBe(mesh.routes());
  });

  it('given routes for some labels only, tells proxies apart by these', () => {
    const canary = resourceOf('VirtualService', 'a', {
      hosts: ['a'],
      http: [
        { match: [{ sourceLabels: { app: 'client' } }], route: [{ destination: { host: 'b' } }] },
        { route: [{ destination: { host: 'a' } }] },
      ],
    });
    const mesh = meshOf({ services, config: [canary] });
    const other = { ...client, labels: { app: 'other' } };
    expect(mesh.routes(other).get('80')?.version).not.toBe(mesh.routes().get('80')?.version);
    expect(mesh.routes({ ...client, labels: { app: 'client', x: 'y' } })).toBe(mesh.routes());
  });

  it('given a DestinationRule that starts to hash, changes the routes to its host alone', () => {
    const mesh = meshOf({ services });
    const before = mesh.hosts(80);
    const trafficPolicy = { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } };
    mesh.apply(configApplied(resourceOf('DestinationRule', 'a', { host: 'a', trafficPolicy })));
    const after = mesh.hosts(80);
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });

  it('given the same mesh from nothing, makes the same bytes as step by step', () => {
    const stepwise = meshOf({ services, config: [weighted('a', 90), weighted('b', 90)] });
    stepwise.routes();
    stepwise.apply(configApplied(weighted('a', 50)));
    const fresh = meshOf({ services, config: [weighted('a', 50), weighted('b', 90)] });
    const versions = (mesh: ReturnType<typeof meshOf>) =>
      [...mesh.routes(), ...mesh.listeners()].map(([name, { version }]) => `${name} ${version}`);
    expect(versions(stepwise)).toEqual(versions(fresh));
  });
});
