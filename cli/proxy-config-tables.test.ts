import { describe, expect, it } from 'vitest';
import { plainStyle } from './output.ts';
import type { ProxyResources } from './proxy-config-filter.ts';
import { proxyConfigTable, type ResourceList } from './proxy-config-tables.ts';

const network = 'type.googleapis.com/envoy.extensions.filters.network';
const http = (fields: object) => ({
  filters: [{ typedConfig: { '@type': `${network}.http_connection_manager.v3.HttpConnectionManager`, ...fields } }],
});
const tcp = (fields: object) => ({
  filters: [{ typedConfig: { '@type': `${network}.tcp_proxy.v3.TcpProxy`, ...fields } }],
});
const socket = (address: string, portValue: number) => ({ socketAddress: { address, portValue } });
const managedBy = (name: string) => ({
  filterMetadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/shop/any/${name}` } },
});

/** The table's cells, without its headings. */
function rows(list: ResourceList, items: ProxyResources[ResourceList]): readonly (readonly string[])[] {
  const none: ProxyResources = { listeners: [], routes: [], clusters: [], endpoints: [] };
  const lines = proxyConfigTable(list, { ...none, [list]: items }, plainStyle)
    .trimEnd()
    .split('\n');
  return lines.slice(1).map((line) => line.split(/ {3,}/));
}

describe('tables of proxy-config, as istioctl prints them', () => {
  it('have its columns; routes and endpoints one more', () => {
    const headings = (list: ResourceList) =>
      proxyConfigTable(list, { listeners: [], routes: [], clusters: [], endpoints: [] }, plainStyle).trim();
    expect(headings('clusters')).toMatch(/^SERVICE FQDN +PORT +SUBSET +DIRECTION +TYPE +DESTINATION RULE$/);
    expect(headings('listeners')).toMatch(/^ADDRESSES +PORT +MATCH +DESTINATION$/);
    expect(headings('routes')).toMatch(/^NAME +VHOST NAME +DOMAINS +MATCH +DESTINATION +VIRTUAL SERVICE$/);
    expect(headings('endpoints')).toMatch(/^ENDPOINT +STATUS +WEIGHT +CLUSTER$/);
  });

  it('list clusters by host, subset, port and direction, with the DestinationRule', () => {
    const names = ['outbound|9080|v1|b', 'outbound|9080||b', 'outbound|80||b', 'inbound|80||', 'PassthroughCluster'];
    const clusters = names.map((name) => ({
      name,
      type: 'EDS',
      ...(name.includes('v1') && { metadata: managedBy('b') }),
    }));
    expect(rows('clusters', clusters)).toEqual([
      ['-', '80', '-', 'inbound', 'EDS'],
      ['PassthroughCluster', '-', '-', '-', 'EDS'],
      ['b', '80', '-', 'outbound', 'EDS'],
      ['b', '9080', '-', 'outbound', 'EDS'],
      ['b', '9080', 'v1', 'outbound', 'EDS', 'b.shop'],
    ]);
  });

  it('list listeners by port and address, each chain with what it matches and where that goes', () => {
    const inline = (domains: readonly string[], routes: readonly object[]) =>
      http({ routeConfig: { virtualHosts: [{ domains, routes }] } });
    const all = { match: { prefix: '/' }, route: { cluster: 'inbound|80||' } };
    const listeners = [
      {
        address: socket('0.0.0.0', 15006),
        filterChains: [
          { filterChainMatch: { destinationPort: 15006 }, ...tcp({ cluster: 'BlackHoleCluster' }) },
          {
            filterChainMatch: {
              prefixRanges: [{ addressPrefix: '10.0.0.1', prefixLen: 32 }],
              destinationPort: 80,
              transportProtocol: 'tls',
              applicationProtocols: ['istio-peer-exchange', 'istio'],
              serverNames: ['a', 'b'],
            },
            ...inline(['*'], [all]),
          },
        ],
        defaultFilterChain: tcp({ cluster: 'InboundPassthroughCluster' }),
      },
      {
        address: socket('10.0.0.9', 80),
        additionalAddresses: [{ address: socket('::1', 80) }],
        filterChains: [
          {
            filterChainMatch: { applicationProtocols: ['http/1.1', 'h2c'] },
            ...http({ rds: { routeConfigName: '80' } }),
          },
          tcp({ weightedClusters: { clusters: [{ name: 'a' }, { name: 'b' }] } }),
        ],
      },
      { address: socket('0.0.0.0', 80), filterChains: [inline(['x', 'y'], [all, { match: { path: '/z' } }])] },
    ];
    expect(rows('listeners', listeners)).toEqual([
      ['0.0.0.0', '80', 'ALL', 'Inline Route: x/y /*, /z'],
      ['10.0.0.9,::1', '80', 'App: http/1.1,h2c', 'Route: 80'],
      ['10.0.0.9,::1', '80', 'ALL', 'Cluster: a,b'],
      ['0.0.0.0', '15006', 'Addr: *:15006', 'Non-HTTP/Non-TCP'],
      ['0.0.0.0', '15006', 'ALL', 'InboundPassthroughCluster'],
      ['0.0.0.0', '15006', 'SNI: a,b; Trans: tls; App: TCP TLS; Addr: 10.0.0.1/32:80', 'Cluster: inbound|80||'],
    ]);
  });

  it('list routes by port, without those that pass unknown hosts through', () => {
    const to = (match: object, cluster = 'a') => ({ match, route: { cluster } });
    const domains = [
      'web.shop.svc.cluster.local',
      'web',
      'web:80',
      'web.shop',
      'web.shop.svc',
      '10.0.0.1',
      '[fd00::1]',
    ];
    const routes = [
      { name: 'http.8080', virtualHosts: [{ name: 'none', domains: ['*'] }] },
      {
        name: '9080',
        virtualHosts: [{ name: 'allow_any', domains: ['*'], routes: [to({ prefix: '/' }, 'PassthroughCluster')] }],
      },
      {
        name: '80',
        virtualHosts: [
          {
            name: 'web:80',
            domains,
            routes: [
              { ...to({ pathSeparatedPrefix: '/a', headers: [{ name: 'x' }] }), metadata: managedBy('web') },
              to({ safeRegex: { regex: '/b.*' } }),
              to({ path: '/c' }),
              to({ prefix: '/' }),
            ],
          },
        ],
      },
    ];
    const web = ['80', 'web:80', 'web, web.shop + 2 more...'];
    expect(rows('routes', routes)).toEqual([
      [...web, 'PathPrefix:/a [x]', 'a', 'web.shop'],
      [...web, 'regex /b.*', 'a'],
      [...web, '/c', 'a'],
      [...web, '/*', 'a'],
      ['http.8080', 'none', '*', '/*', '-', '404'],
    ]);
  });

  it('list endpoints by address, port and cluster', () => {
    const endpoint = (address: object, fields: object = {}) => ({ endpoint: { address }, ...fields });
    const lbEndpoints = [
      endpoint(socket('10.0.0.2', 80), { healthStatus: 'UNHEALTHY', loadBalancingWeight: 3 }),
      endpoint(socket('10.0.0.1', 9080)),
      endpoint(socket('10.0.0.1', 80)),
      endpoint({ pipe: { path: './sock' } }),
    ];
    const assignments = ['b', 'a'].map((clusterName) => ({ clusterName, endpoints: [{ lbEndpoints }] }));
    expect(rows('endpoints', assignments)).toEqual(
      [
        ['./sock', 'HEALTHY', '-'],
        ['10.0.0.1:80', 'HEALTHY', '-'],
        ['10.0.0.1:9080', 'HEALTHY', '-'],
        ['10.0.0.2:80', 'UNHEALTHY', '3'],
      ].flatMap((row) => [
        [...row, 'a'],
        [...row, 'b'],
      ]),
    );
  });
});
