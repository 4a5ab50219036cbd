// What every operation of an EnvoyFilter comes to on every kind of object: read by the unit test and by docs/reference/envoy-filter.md.
import type { PatchOperation, PatchTarget } from '../../../../mesh/config/envoy-filter-operations.ts';
import type { EnvoyConfigObjectMatch, EnvoyConfigObjectPatch } from '../../../../mesh/config/schemas/envoy-filter.ts';

/** One kind of object, in a mesh of services `a` and `b` whose routes to `a` are called first, second and third. */
export interface MatrixRow {
  readonly match: EnvoyConfigObjectMatch;
  /** Applied before by another EnvoyFilter: neighbours in the list, or something to merge lists with. */
  readonly base?: readonly EnvoyConfigObjectPatch[];
  /** What MERGE and MERGE_AND_REPLACE_LIST are given; the others are given `added`. */
  readonly merged: object;
  readonly added: object;
  /** Where in the resources' JSON the list is; its elements are shown by `show`. */
  readonly list: readonly (string | number)[];
  readonly show: readonly (readonly string[])[];
  readonly before: readonly string[];
  /** What is shown after each operation; undefined: nothing at all has changed. */
  readonly after: Readonly<Partial<Record<PatchOperation, readonly string[]>>>;
}

const any = (type: string, fields: object = {}) => ({ '@type': `type.googleapis.com/${type}`, ...fields });
const hcm = 'envoy.filters.network.http_connection_manager';
const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const direct = any('envoy.extensions.filters.network.direct_response.v3.Config');
const lua = any('envoy.extensions.filters.http.lua.v3.Lua');
const inspector = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';
const outbound = 'SIDECAR_OUTBOUND' as const;
const inbound = 'SIDECAR_INBOUND' as const;
const hostA = 'a.default.svc.cluster.local';
const patched = { name: 'patched' };

const listeners: Readonly<Record<string, MatrixRow>> = {
  LISTENER: {
    match: { context: outbound, listener: { portNumber: 80 } },
    merged: { stat_prefix: 'merged', socket_options: [{ level: 1, name: 2 }] },
    added: { ...patched, stat_prefix: 'added' },
    base: [
      {
        applyTo: 'LISTENER',
        match: { context: outbound, listener: { portNumber: 80 } },
        patch: { operation: 'MERGE', value: { socket_options: [{ level: 3, name: 4 }] } },
      },
    ],
    list: ['listeners'],
    show: [['name'], ['statPrefix'], ['socketOptions', '*', 'name']],
    before: ['0.0.0.0_80  4', 'virtualInbound', 'virtualOutbound'],
    after: {
      MERGE: ['0.0.0.0_80 merged 4,2', 'virtualInbound', 'virtualOutbound'],
      MERGE_AND_REPLACE_LIST: ['0.0.0.0_80 merged 2', 'virtualInbound', 'virtualOutbound'],
      ADD: ['0.0.0.0_80  4', 'patched added', 'virtualInbound', 'virtualOutbound'],
      REMOVE: ['virtualInbound', 'virtualOutbound'],
    },
  },
  FILTER_CHAIN: {
    match: { context: inbound, listener: { filterChain: { name: 'virtualInbound-catchall-http' } } },
    merged: { filter_chain_match: { application_protocols: ['x'] } },
    added: { ...patched, filters: [{ ...patched, typed_config: direct }] },
    list: ['listeners', 1, 'filterChains'],
    show: [['name'], ['filterChainMatch', 'applicationProtocols', '*']],
    before: ['virtualInbound-blackhole', 'virtualInbound-catchall-http http/1.1,h2c', 'virtualInbound', '0.0.0.0_9080'],
    after: {
      MERGE: [
        'virtualInbound-blackhole',
        'virtualInbound-catchall-http http/1.1,h2c,x',
        'virtualInbound',
        '0.0.0.0_9080',
      ],
      MERGE_AND_REPLACE_LIST: [
        'virtualInbound-blackhole',
        'virtualInbound-catchall-http x',
        'virtualInbound',
        '0.0.0.0_9080',
      ],
      ADD: [
        'virtualInbound-blackhole',
        'virtualInbound-catchall-http http/1.1,h2c',
        'virtualInbound',
        '0.0.0.0_9080',
        'patched',
      ],
      REMOVE: ['virtualInbound-blackhole', 'virtualInbound', '0.0.0.0_9080'],
    },
  },
};

const networkMatch = {
  context: outbound,
  listener: { name: '0.0.0.0_80', filterChain: { filter: { name: hcm } } },
} as const;
const inList = { context: outbound, listener: { name: '0.0.0.0_80', filterChain: { applicationProtocols: 'h2c' } } };

const filters: Readonly<Record<string, MatrixRow>> = {
  NETWORK_FILTER: {
    match: networkMatch,
    base: [
      {
        applyTo: 'NETWORK_FILTER',
        match: inList,
        patch: { operation: 'INSERT_FIRST', value: { name: 'early', typed_config: direct } },
      },
      {
        applyTo: 'NETWORK_FILTER',
        match: inList,
        patch: { operation: 'ADD', value: { name: 'late', typed_config: direct } },
      },
    ],
    merged: { typed_config: any(hcmType, { stat_prefix: 'merged' }) },
    added: { ...patched, typed_config: direct },
    list: ['listeners', 0, 'filterChains', 0, 'filters'],
    show: [['name'], ['typedConfig', 'statPrefix']],
    before: ['early', `${hcm} outbound_0.0.0.0_80`, 'late'],
    after: {
      MERGE: ['early', `${hcm} merged`, 'late'],
      ADD: ['early', `${hcm} outbound_0.0.0.0_80`, 'late', 'patched'],
      REMOVE: ['early', 'late'],
      INSERT_BEFORE: ['early', 'patched', `${hcm} outbound_0.0.0.0_80`, 'late'],
      INSERT_AFTER: ['early', `${hcm} outbound_0.0.0.0_80`, 'patched', 'late'],
      INSERT_FIRST: ['patched', 'early', `${hcm} outbound_0.0.0.0_80`, 'late'],
      REPLACE: ['early', 'patched', 'late'],
    },
  },
  HTTP_FILTER: {
    match: {
      context: outbound,
      listener: {
        name: '0.0.0.0_80',
        filterChain: { filter: { name: hcm, subFilter: { name: 'envoy.filters.http.cors' } } },
      },
    },
    merged: { name: 'renamed', typed_config: any('envoy.extensions.filters.http.cors.v3.Cors') },
    added: { ...patched, typed_config: lua },
    list: ['listeners', 0, 'filterChains', 0, 'filters', 0, 'typedConfig', 'httpFilters'],
    show: [['name']],
    before: ['envoy.filters.http.fault', 'envoy.filters.http.cors', 'envoy.filters.http.router'],
    after: {
      MERGE: ['envoy.filters.http.fault', 'renamed', 'envoy.filters.http.router'],
      ADD: ['envoy.filters.http.fault', 'envoy.filters.http.cors', 'envoy.filters.http.router', 'patched'],
      REMOVE: ['envoy.filters.http.fault', 'envoy.filters.http.router'],
      INSERT_BEFORE: ['envoy.filters.http.fault', 'patched', 'envoy.filters.http.cors', 'envoy.filters.http.router'],
      INSERT_AFTER: ['envoy.filters.http.fault', 'envoy.filters.http.cors', 'patched', 'envoy.filters.http.router'],
      INSERT_FIRST: ['patched', 'envoy.filters.http.fault', 'envoy.filters.http.cors', 'envoy.filters.http.router'],
      REPLACE: ['envoy.filters.http.fault', 'patched', 'envoy.filters.http.router'],
    },
  },
  LISTENER_FILTER: {
    match: { context: inbound, listener: { listenerFilter: 'middle' } },
    base: [
      {
        applyTo: 'LISTENER_FILTER',
        match: { context: inbound, listener: { listenerFilter: 'envoy.filters.listener.original_dst' } },
        patch: { operation: 'INSERT_AFTER', value: { name: 'middle', typed_config: any(inspector) } },
      },
    ],
    merged: { typed_config: any(inspector, { initial_read_buffer_size: 512 }) },
    added: { ...patched, typed_config: any(inspector) },
    list: ['listeners', 1, 'listenerFilters'],
    show: [['name'], ['typedConfig', 'initialReadBufferSize']],
    before: ['envoy.filters.listener.original_dst', 'middle', 'envoy.filters.listener.http_inspector'],
    after: {
      MERGE: ['envoy.filters.listener.original_dst', 'middle 512', 'envoy.filters.listener.http_inspector'],
      ADD: ['envoy.filters.listener.original_dst', 'middle', 'envoy.filters.listener.http_inspector', 'patched'],
      REMOVE: ['envoy.filters.listener.original_dst', 'envoy.filters.listener.http_inspector'],
      INSERT_BEFORE: [
        'envoy.filters.listener.original_dst',
        'patched',
        'middle',
        'envoy.filters.listener.http_inspector',
      ],
      INSERT_AFTER: [
        'envoy.filters.listener.original_dst',
        'middle',
        'patched',
        'envoy.filters.listener.http_inspector',
      ],
      INSERT_FIRST: [
        'patched',
        'envoy.filters.listener.original_dst',
        'middle',
        'envoy.filters.listener.http_inspector',
      ],
      REPLACE: ['envoy.filters.listener.original_dst', 'patched', 'envoy.filters.listener.http_inspector'],
    },
  },
};

const routeOf = (name: string) => ({
  context: outbound,
  routeConfiguration: { name: '80', vhost: { name: `${hostA}:80`, route: { name } } },
});

const routes: Readonly<Record<string, MatrixRow>> = {
  ROUTE_CONFIGURATION: {
    match: { context: outbound, routeConfiguration: { name: '80' } },
    base: [
      {
        applyTo: 'ROUTE_CONFIGURATION',
        match: { context: outbound },
        patch: { operation: 'MERGE', value: { response_headers_to_remove: ['base'] } },
      },
    ],
    merged: { response_headers_to_remove: ['merged'] },
    added: patched,
    list: ['routes'],
    show: [['name'], ['responseHeadersToRemove', '*']],
    before: ['80 base'],
    after: { MERGE: ['80 base,merged'], MERGE_AND_REPLACE_LIST: ['80 merged'] },
  },
  VIRTUAL_HOST: {
    match: { context: outbound, routeConfiguration: { vhost: { domainName: 'b' } } },
    merged: { domains: ['merged'] },
    added: { ...patched, domains: ['added'] },
    list: ['routes', 0, 'virtualHosts'],
    show: [['name'], ['domains', 4], ['domains', 5], ['domains', 0]].map((path) => path.map(String)),
    before: [
      `${hostA}:80 a.default  ${hostA}`,
      `b.${hostA.slice(2)}:80 b.default  b.${hostA.slice(2)}`,
      'allow_any   *',
    ],
    after: {
      MERGE: [
        `${hostA}:80 a.default  ${hostA}`,
        `b.${hostA.slice(2)}:80 b.default merged b.${hostA.slice(2)}`,
        'allow_any   *',
      ],
      MERGE_AND_REPLACE_LIST: [`${hostA}:80 a.default  ${hostA}`, `b.${hostA.slice(2)}:80   merged`, 'allow_any   *'],
      ADD: [
        `${hostA}:80 a.default  ${hostA}`,
        `b.${hostA.slice(2)}:80 b.default  b.${hostA.slice(2)}`,
        'allow_any   *',
        'patched   added',
      ],
      REMOVE: [`${hostA}:80 a.default  ${hostA}`, 'allow_any   *'],
      REPLACE: [`${hostA}:80 a.default  ${hostA}`, 'patched   added', 'allow_any   *'],
    },
  },
  HTTP_ROUTE: {
    match: routeOf('second'),
    base: [
      {
        applyTo: 'HTTP_ROUTE',
        match: routeOf('second'),
        patch: { operation: 'MERGE', value: { response_headers_to_remove: ['base'] } },
      },
    ],
    merged: { response_headers_to_remove: ['merged'] },
    added: { ...patched, match: { path: '/patched' }, direct_response: { status: 200 } },
    list: ['routes', 0, 'virtualHosts', 0, 'routes'],
    show: [['name'], ['responseHeadersToRemove', '*']],
    before: ['first', 'second base', 'third'],
    after: {
      MERGE: ['first', 'second base,merged', 'third'],
      MERGE_AND_REPLACE_LIST: ['first', 'second merged', 'third'],
      ADD: ['first', 'second base', 'third', 'patched'],
      REMOVE: ['first', 'third'],
      INSERT_BEFORE: ['first', 'patched', 'second base', 'third'],
      INSERT_AFTER: ['first', 'second base', 'patched', 'third'],
      INSERT_FIRST: ['patched', 'first', 'second base', 'third'],
    },
  },
};

const clusterMatch = { context: outbound, cluster: { service: hostA, portNumber: 80 } } as const;
const others: Readonly<Record<string, MatrixRow>> = {
  CLUSTER: {
    match: clusterMatch,
    base: [
      {
        applyTo: 'CLUSTER',
        match: clusterMatch,
        patch: { operation: 'MERGE', value: { health_checks: [{ alt_port: 1 }] } },
      },
    ],
    merged: { connect_timeout: '3s', health_checks: [{ alt_port: 2 }] },
    added: { ...patched, connect_timeout: '4s' },
    list: ['clusters'],
    show: [['name'], ['connectTimeout'], ['healthChecks', '*', 'altPort']],
    before: [
      'BlackHoleCluster 10s',
      'InboundPassthroughCluster 10s',
      'PassthroughCluster 10s',
      'inbound|9080|| 10s',
      `outbound|80||${hostA} 10s 1`,
      `outbound|80||b.${hostA.slice(2)} 10s`,
    ],
    after: {
      MERGE: [
        'BlackHoleCluster 10s',
        'InboundPassthroughCluster 10s',
        'PassthroughCluster 10s',
        'inbound|9080|| 10s',
        `outbound|80||${hostA} 3s 1,2`,
        `outbound|80||b.${hostA.slice(2)} 10s`,
      ],
      MERGE_AND_REPLACE_LIST: [
        'BlackHoleCluster 10s',
        'InboundPassthroughCluster 10s',
        'PassthroughCluster 10s',
        'inbound|9080|| 10s',
        `outbound|80||${hostA} 3s 2`,
        `outbound|80||b.${hostA.slice(2)} 10s`,
      ],
      ADD: [
        'BlackHoleCluster 10s',
        'InboundPassthroughCluster 10s',
        'PassthroughCluster 10s',
        'inbound|9080|| 10s',
        `outbound|80||${hostA} 10s 1`,
        `outbound|80||b.${hostA.slice(2)} 10s`,
        'patched 4s',
      ],
      REMOVE: [
        'BlackHoleCluster 10s',
        'InboundPassthroughCluster 10s',
        'PassthroughCluster 10s',
        'inbound|9080|| 10s',
        `outbound|80||b.${hostA.slice(2)} 10s`,
      ],
    },
  },
  EXTENSION_CONFIG: {
    match: { context: 'ANY' },
    merged: { ...patched, typed_config: lua },
    added: { ...patched, typed_config: lua },
    list: ['extensions'],
    show: [['name']],
    before: [],
    after: { ADD: ['patched'] },
  },
  BOOTSTRAP: {
    match: { context: 'ANY' },
    merged: { flags_path: '/x' },
    added: { flags_path: '/x' },
    list: ['listeners'],
    show: [['name']],
    before: ['0.0.0.0_80', 'virtualInbound', 'virtualOutbound'],
    after: {},
  },
};

/** See the file's first line. */
export const operationMatrix = { ...listeners, ...filters, ...routes, ...others } as Readonly<
  Record<PatchTarget, MatrixRow>
>;

/** Name of the unit test of one pair. */
export function matrixTestName(target: PatchTarget, operation: PatchOperation): string {
  return `${target} ${operation}`;
}
