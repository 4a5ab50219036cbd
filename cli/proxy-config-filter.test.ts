import { describe, expect, it } from 'vitest';
import { filterProxyResources, listenerType, type ProxyConfigFilter } from './proxy-config-filter.ts';

const type = 'type.googleapis.com/envoy.extensions.filters.network';
const http = { typedConfig: { '@type': `${type}.http_connection_manager.v3.HttpConnectionManager` } };
const tcp = (cluster: string) => ({ typedConfig: { '@type': `${type}.tcp_proxy.v3.TcpProxy`, cluster } });
const socket = (address: string, portValue: number) => ({ socketAddress: { address, portValue } });
const endpoint = (address: string, port: number, healthStatus?: string) => ({
  endpoint: { address: socket(address, port) },
  ...(healthStatus === undefined ? {} : { healthStatus }),
});
const managedBy = (kind: string, name: string) => ({
  filterMetadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/shop/${kind}/${name}` } },
});

const resources = {
  clusters: [
    { name: 'outbound|9080|v1|reviews.shop.svc.cluster.local', metadata: managedBy('destination-rule', 'reviews') },
    { name: 'outbound|9080||reviews.shop.svc.cluster.local' },
    { name: 'outbound|80||web.shop.svc.cluster.local' },
    { name: 'inbound|9080||' },
    { name: 'PassthroughCluster' },
  ],
  listeners: [
    {
      name: 'virtualInbound',
      address: socket('0.0.0.0', 15006),
      filterChains: [{ filters: [http] }, { filters: [tcp('x')] }],
    },
    { name: '0.0.0.0_80', address: socket('0.0.0.0', 80), filterChains: [{ filters: [http] }] },
    {
      name: '10.0.0.9_443',
      address: socket('10.0.0.9', 443),
      defaultFilterChain: { filters: [tcp('outbound|443||x')] },
    },
    { name: 'hole', address: socket('0.0.0.0', 9), filterChains: [{ filters: [tcp('BlackHoleCluster')] }] },
  ],
  routes: [
    {
      name: '80',
      virtualHosts: [
        {
          name: 'web:80',
          domains: ['web'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'a' }, metadata: managedBy('virtual-service', 'web') }],
        },
      ],
    },
    { name: '9080' },
  ],
  endpoints: [
    {
      clusterName: 'a',
      endpoints: [{ lbEndpoints: [endpoint('10.0.0.1', 80), endpoint('10.0.0.2', 80, 'UNHEALTHY')] }],
    },
    { clusterName: 'b', endpoints: [{ lbEndpoints: [endpoint('10.0.0.1', 8080)] }] },
    { clusterName: 'empty', endpoints: [] },
  ],
};
const names = (filter: ProxyConfigFilter, list: keyof typeof resources) =>
  filterProxyResources(resources, filter)[list].map((item) => item.name ?? item.clusterName);

describe('filters of proxy-config', () => {
  it.each<[ProxyConfigFilter, keyof typeof resources, readonly number[]]>([
    [{}, 'clusters', [0, 1, 2, 3, 4]],
    [{ fqdn: 'reviews.shop' }, 'clusters', [0, 1]],
    [{ fqdn: 'Passthrough' }, 'clusters', [4]],
    [{ direction: 'INBOUND' }, 'clusters', [3]],
    [{ direction: 'outbound', port: 9080 }, 'clusters', [0, 1]],
    [{ subset: 'v1' }, 'clusters', [0]],
    [{ port: 90 }, 'clusters', []],
    [{ port: 80 }, 'listeners', [1]],
    [{ address: '10.0.0.9' }, 'listeners', [2]],
    [{ type: 'http' }, 'listeners', [1]],
    [{ type: 'HTTP+TCP' }, 'listeners', [0]],
    [{ type: 'tcp' }, 'listeners', [2]],
    [{ name: '9080' }, 'routes', [1]],
    [{ fqdn: 'reviews' }, 'routes', [0, 1]],
    [{ cluster: 'b' }, 'endpoints', [1]],
    [{ address: '10.0.0.1' }, 'endpoints', [0, 1]],
    [{ status: 'unhealthy' }, 'endpoints', [0]],
    [{ port: 8080, status: 'healthy' }, 'endpoints', [1]],
    [{ subset: 'v1' }, 'endpoints', [0, 1, 2]],
  ])('%j shows of %s: %j', (filter, list, indexes) => {
    const all = resources[list].map((item) => ('name' in item ? item.name : item.clusterName));
    expect(names(filter, list)).toEqual(indexes.map((index) => all[index]));
  });

  it('leaves out the other endpoints of an assignment', () => {
    expect(filterProxyResources(resources, { status: 'UNHEALTHY' }).endpoints).toEqual([
      { clusterName: 'a', endpoints: [{ lbEndpoints: [endpoint('10.0.0.2', 80, 'UNHEALTHY')] }] },
    ]);
  });

  it('tells what a listener serves, the black hole apart', () => {
    expect(resources.listeners.map(listenerType)).toEqual(['HTTP+TCP', 'HTTP', 'TCP', 'UNKNOWN']);
  });
});
