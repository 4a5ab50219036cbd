// EnvoyFilters within translation: who shares what, what they cost, their order, and what happens to those that can't be applied.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../../../events/model.ts';
import type { EnvoyFilterSpec } from '../../../../mesh/config/schemas/envoy-filter.ts';
import {
  builderOf,
  configApplied,
  configDeleted,
  endpointAt,
  endpointRegistered,
  httpService,
  recorded,
  resourceOf,
  serviceDeregistered,
  serviceRegistered,
  snapshotOf,
} from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { resourceToJson, setToJson, translationToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { type Translation, typeUrls } from '../translation.ts';

const services = ['a', 'b'].map((name) => httpService(name));
const types = Object.values(typeUrls);

function filter(name: string, spec: EnvoyFilterSpec, over: Partial<ConfigResource> = {}) {
  return resourceOf('EnvoyFilter', name, spec, over as Partial<ConfigResource<EnvoyFilterSpec>>);
}

/** A filter that sets all outbound clusters' timeout. */
function timeout(name: string, seconds: number, over: Partial<ConfigResource> = {}, spec: EnvoyFilterSpec = {}) {
  const value = { connect_timeout: `${seconds}s` };
  const match = { context: 'SIDECAR_OUTBOUND' } as const;
  return filter(
    name,
    { ...spec, configPatches: [{ applyTo: 'CLUSTER', match, patch: { operation: 'MERGE', value } }] },
    over,
  );
}

function clusterOf(translation: Translation, name = 'a') {
  const resource = translation.resources(typeUrls.cluster).get(`outbound|80||${name}.default.svc.cluster.local`);
  return resource && resourceToJson(resource);
}

const timeoutWith = (config: readonly ConfigResource[], context = sidecarContext()) =>
  clusterOf(translate(snapshotOf({ services, config }), context, createMemo()))?.connectTimeout;

/** Every list of virtual hosts, at any depth. */
function virtualHostsIn(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 'virtualHosts' ? [inner] : virtualHostsIn(inner)));
}

describe('EnvoyFilters in translation', () => {
  it('adds to a gateway what is for gateways or for any, once, and nothing that is for sidecars', () => {
    const gateway = sidecarContext({ type: 'router', labels: { istio: 'ingressgateway' }, addresses: ['10.0.0.2'] });
    const contexts = ['SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'ANY'] as const;
    const adding = contexts.flatMap((context) =>
      (['CLUSTER', 'LISTENER'] as const).map((applyTo) => ({
        applyTo,
        match: { context },
        patch: { operation: 'ADD' as const, value: { name: `added ${context}` } },
      })),
    );
    const config = [filter('x', { configPatches: adding })];
    const addedTo = (context: typeof gateway) => {
      const translation = translate(snapshotOf({ services, config }), context, createMemo());
      return [typeUrls.cluster, typeUrls.listener].map((type) =>
        translation
          .resources(type)
          .names()
          .filter((name) => name.startsWith('added'))
          .sort(),
      );
    };
    const forGateways = ['added ANY', 'added GATEWAY'];
    expect(addedTo(gateway)).toEqual([forGateways, forGateways]);
    const forSidecars = ['added ANY', 'added SIDECAR_INBOUND', 'added SIDECAR_OUTBOUND'];
    expect(addedTo(sidecarContext())).toEqual([forSidecars, forSidecars]);
  });

  it('leaves proxies that none selects the very objects that they would have without', () => {
    const memo = createMemo();
    const builder = builderOf({ services });
    const context = sidecarContext();
    const before = translate(builder.snapshot(), context, memo);
    const selecting = timeout('x', 3, {}, { workloadSelector: { labels: { app: 'x' } } });
    builder.apply(recorded(configApplied(selecting), builder.position + 1));
    const after = translate(builder.snapshot(), context, memo);
    for (const type of types) expect(after.resources(type)).toBe(before.resources(type));
    const selected = translate(builder.snapshot(), sidecarContext({ labels: { app: 'x' } }), memo);
    expect(clusterOf(selected)?.connectTimeout).toBe('3s');
    expect(selected.resources(typeUrls.route)).toBe(after.resources(typeUrls.route));
  });

  it('shares what is patched between proxies that the same filters select', () => {
    const memo = createMemo();
    const snapshot = snapshotOf({ services, config: [timeout('x', 3)] });
    const [one, other] = ['10.0.0.1', '10.0.0.2'].map((address) =>
      translate(snapshot, sidecarContext({ addresses: [address] }), memo),
    );
    const name = 'outbound|80||a.default.svc.cluster.local';
    expect(one?.resources(typeUrls.cluster).get(name)).toBeDefined();
    expect(one?.resources(typeUrls.cluster).get(name)).toBe(other?.resources(typeUrls.cluster).get(name));
  });

  it('adds under the name of what it removes, and leaves out what would be there twice', () => {
    const name = 'outbound|80||a.default.svc.cluster.local';
    const match = { context: 'SIDECAR_OUTBOUND' } as const;
    const changed = (applyTo: 'CLUSTER' | 'LISTENER', named: string, isRemoved: boolean) => {
      const of = applyTo === 'CLUSTER' ? { cluster: { name: named } } : { listener: { name: named } };
      const remove = { applyTo, match: { ...match, ...of }, patch: { operation: 'REMOVE' } } as const;
      const value = { name: named, ...(applyTo === 'CLUSTER' ? { alt_stat_name: 'own' } : { stat_prefix: 'own' }) };
      const add = { applyTo, match, patch: { operation: 'ADD', value } } as const;
      return filter('x', { configPatches: isRemoved ? [remove, add] : [add] });
    };
    const memo = createMemo();
    const builder = builderOf({ services });
    const read = (type: (typeof types)[number], resource: string) => {
      const found = translate(builder.snapshot(), sidecarContext(), memo).resources(type).get(resource);
      return found && resourceToJson(found);
    };
    const apply = (config: ConfigResource) =>
      builder.apply(recorded(configApplied(config as ConfigResource<EnvoyFilterSpec>), builder.position + 1));
    apply(changed('CLUSTER', name, true));
    expect(read(typeUrls.cluster, name)).toEqual({ name, altStatName: 'own' });
    builder.apply(recorded(serviceRegistered(httpService('c')), builder.position + 1));
    expect(read(typeUrls.cluster, name)).toEqual({ name, altStatName: 'own' });
    apply(changed('CLUSTER', name, false));
    expect(read(typeUrls.cluster, name)).toMatchObject({ name, type: 'EDS' });
    apply(changed('LISTENER', '0.0.0.0_80', true));
    expect(read(typeUrls.listener, '0.0.0.0_80')).toEqual({ name: '0.0.0.0_80', statPrefix: 'own' });
    apply(changed('LISTENER', '0.0.0.0_80', false));
    expect(read(typeUrls.listener, '0.0.0.0_80')).toHaveProperty('filterChains');
  });

  it('patches a sidecar’s inbound routes before the filters that hold them, as in Istio', () => {
    const context = 'SIDECAR_INBOUND';
    const type =
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
    const routeConfig = { virtual_hosts: [{ name: 'brought', domains: ['brought.example.com'] }] };
    const name = 'envoy.filters.network.http_connection_manager';
    const brought = filter('x', {
      configPatches: [
        {
          applyTo: 'NETWORK_FILTER',
          match: { context, listener: { filterChain: { filter: { name } } } },
          patch: { operation: 'MERGE', value: { name, typed_config: { '@type': type, route_config: routeConfig } } },
        },
        {
          applyTo: 'VIRTUAL_HOST',
          match: { context },
          patch: { operation: 'MERGE', value: { include_request_attempt_count: true } },
        },
      ],
    });
    const [first] = services;
    if (first === undefined) throw new Error('no service');
    const snapshot = snapshotOf({ services, endpoints: [endpointAt(first, '10.0.0.1')], config: [brought] });
    const listeners = setToJson(translate(snapshot, sidecarContext(), createMemo()).resources(typeUrls.listener));
    const lists = virtualHostsIn(listeners);
    expect(lists.length).toBeGreaterThan(0);
    for (const hosts of lists)
      expect(hosts).toEqual([
        expect.objectContaining({ name: expect.stringMatching(/^inbound/), includeRequestAttemptCount: true }),
        { name: 'brought', domains: ['brought.example.com'] },
      ]);
  });

  it('patches only what changed, with the same bytes as from the start', () => {
    const memo = createMemo();
    const builder = builderOf({ services, config: [timeout('x', 3)] });
    const context = sidecarContext();
    const before = translate(builder.snapshot(), context, memo);
    const facts = [
      serviceRegistered(httpService('c')),
      endpointRegistered(endpointAt(httpService('c'), '10.0.0.9')),
      configApplied(
        resourceOf('DestinationRule', 'b', { host: 'b', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }),
      ),
    ];
    for (const fact of facts) {
      builder.apply(recorded(fact, builder.position + 1));
      const stepwise = translate(builder.snapshot(), context, memo);
      const anew = translate(builder.snapshot(), context, createMemo());
      for (const type of types) expect(stepwise.resources(type).version).toBe(anew.resources(type).version);
    }
    const after = translate(builder.snapshot(), context, memo);
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    const { updated } = after.resources(typeUrls.cluster).changesSince(before.resources(typeUrls.cluster));
    expect(names(updated)).toEqual([
      'outbound|80||b.default.svc.cluster.local',
      'outbound|80||c.default.svc.cluster.local',
    ]);
    expect(clusterOf(after, 'c')?.connectTimeout).toBe('3s');
  });

  it('applies the root namespace first, then by age and name, and before all by priority', () => {
    const old = { createdAt: '2020-01-01T00:00:00Z' };
    expect(timeoutWith([timeout('a', 1), timeout('b', 2)])).toBe('2s');
    expect(timeoutWith([timeout('a', 1), timeout('b', 2, old)])).toBe('1s');
    expect(timeoutWith([timeout('a', 1, old), timeout('b', 2, { namespace: 'istio-system' })])).toBe('1s');
    expect(timeoutWith([timeout('a', 1, {}, { priority: 1 }), timeout('b', 2)])).toBe('1s');
    expect(timeoutWith([timeout('a', 1, { namespace: 'elsewhere' })])).toBe('10s');
  });

  it('matches the proxy by version and metadata', () => {
    const match = (proxy: { proxyVersion?: string; metadata?: Record<string, string> }) => {
      const patch = { operation: 'MERGE', value: { connect_timeout: '3s' } } as const;
      return filter('x', { configPatches: [{ applyTo: 'CLUSTER', match: { proxy }, patch }] });
    };
    const context = sidecarContext({ clusterId: 'east', metadata: { ISTIO_VERSION: '1.29.1', tier: 'gold' } });
    expect(timeoutWith([match({ proxyVersion: '^1\\.29.*' })], context)).toBe('3s');
    expect(timeoutWith([match({ proxyVersion: '^1\\.28.*' })], context)).toBe('10s');
    expect(timeoutWith([match({ proxyVersion: '^1\\.29.*' })])).toBe('10s');
    expect(timeoutWith([match({ proxyVersion: '(' })], context)).toBe('10s');
    expect(timeoutWith([match({ metadata: { tier: 'gold', CLUSTER_ID: 'east' } })], context)).toBe('3s');
    expect(timeoutWith([match({ metadata: { tier: 'silver' } })], context)).toBe('10s');
  });

  it('says what it left out, and leaves the rest of the filter in force', () => {
    const merge = (value: Record<string, unknown>) => ({ operation: 'MERGE', value }) as const;
    const config = filter('x', {
      configPatches: [
        { applyTo: 'CLUSTER', patch: merge({ connect_timeout: 'soon' }) },
        { applyTo: 'CLUSTER', patch: merge({ from_the_future: 1, connect_timeout: '4s' }) },
        { applyTo: 'BOOTSTRAP', patch: merge({ admin: {} }) },
        {
          applyTo: 'HTTP_FILTER',
          patch: { operation: 'ADD', value: { typed_config: { '@type': 'type.googleapis.com/no.such.Type' } } },
        },
        { applyTo: 'CLUSTER', patch: merge({ name: 'renamed' }) },
      ],
    });
    const translation = translate(snapshotOf({ services, config: [config] }), sidecarContext(), createMemo());
    expect(clusterOf(translation)).toMatchObject({
      connectTimeout: '4s',
      name: 'outbound|80||a.default.svc.cluster.local',
    });
    const about = (index: number) =>
      translation.warnings.filter((line) => line.startsWith(`EnvoyFilter/default/x: configPatches[${index}]`));
    expect(about(0)).toEqual([expect.stringMatching(/left out: .*Duration.*soon/)]);
    expect(about(1)).toEqual([expect.stringMatching(/fields left out: .*from_the_future/)]);
    expect(about(2)).toEqual([expect.stringMatching(/BOOTSTRAP is not served/)]);
    expect(about(3)).toEqual([expect.stringMatching(/no\.such\.Type/)]);
    expect(translation.warnings).toContainEqual(expect.stringMatching(/can't be renamed to renamed/));
  });

  it('refuses to merge a configuration of another type, with a warning', () => {
    const match = {
      context: 'SIDECAR_OUTBOUND',
      listener: { filterChain: { filter: { name: 'envoy.filters.network.http_connection_manager' } } },
    } as const;
    const value = { typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo' } };
    const config = filter('x', {
      configPatches: [{ applyTo: 'NETWORK_FILTER', match, patch: { operation: 'MERGE', value } }],
    });
    const without = translate(snapshotOf({ services }), sidecarContext(), createMemo());
    const translation = translate(snapshotOf({ services, config: [config] }), sidecarContext(), createMemo());
    expect(setToJson(translation.resources(typeUrls.listener))).toEqual(
      setToJson(without.resources(typeUrls.listener)),
    );
    expect(translation.warnings).toContainEqual(
      expect.stringMatching(/configPatches\[0\]: can't merge .*Echo into .*HttpConnectionManager/),
    );
  });
});

const applyTos = [
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'LISTENER_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'INVALID',
] as const;
const operations = [
  'MERGE',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
  'MERGE_AND_REPLACE_LIST',
  'INVALID',
] as const;
const hcm = 'envoy.filters.network.http_connection_manager';
const any = (type: string, fields: object = {}) => ({ '@type': `type.googleapis.com/${type}`, ...fields });
const values = [
  {},
  { name: 'x' },
  { name: 7 },
  { filters: [] },
  {
    connect_timeout: '1s',
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'x' }),
    },
  },
  { name: 'f', typed_config: any('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }) },
  {
    typed_config: any(`${'envoy.extensions.filters.network.http_connection_manager.v3'}.HttpConnectionManager`, {
      use_remote_address: true,
      stat_prefix: 'x',
    }),
  },
  { typed_config: any('no.such.Type') },
  { virtual_hosts: [{ name: 'v', domains: ['v'] }], domains: ['w'], routes: [{ match: { prefix: '/' } }] },
  { match: { path: '/x' }, direct_response: { status: 200 } },
  { metadata: { filter_metadata: { x: { y: [1, null, { z: true }] } } } },
];
const listener = fc.record(
  {
    name: fc.constantFrom('virtualInbound', '0.0.0.0_80', ''),
    portNumber: fc.constantFrom(0, 80, 9080),
    listenerFilter: fc.constantFrom('envoy.filters.listener.tls_inspector', ''),
    filterChain: fc.record(
      {
        destinationPort: fc.constantFrom(0, 9080),
        transportProtocol: fc.constantFrom('', 'raw_buffer'),
        applicationProtocols: fc.constantFrom('', 'h2c', 'h2,x'),
        sni: fc.constantFrom('', 'x.test'),
        filter: fc.constantFrom(
          {},
          { name: hcm },
          { name: hcm, subFilter: { name: 'envoy.filters.http.router' } },
          { name: hcm, subFilter: {} },
        ),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const routeConfiguration = fc.record(
  {
    name: fc.constantFrom('80', ''),
    portNumber: fc.constantFrom(0, 80, 9080),
    vhost: fc.record(
      {
        name: fc.constantFrom('a.default.svc.cluster.local:80', ''),
        domainName: fc.constantFrom('', '*', 'a'),
        route: fc.constantFrom({}, { name: 'default' }, { action: 'ROUTE' }, { action: 'REDIRECT' }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const cluster = fc.record(
  {
    service: fc.constantFrom('a.default.svc.cluster.local', ''),
    portNumber: fc.constantFrom(0, 80, 9080),
    subset: fc.constantFrom('', 'v1'),
    name: fc.constantFrom('', 'BlackHoleCluster'),
  },
  { requiredKeys: [] },
);
const patches = fc.array(
  fc.record({
    applyTo: fc.constantFrom(...applyTos),
    match: fc.record(
      {
        context: fc.constantFrom('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY'),
        listener,
        routeConfiguration,
        cluster,
      },
      { requiredKeys: [] },
    ),
    patch: fc.record(
      { operation: fc.constantFrom(...operations), value: fc.constantFrom<object>(...values) },
      { requiredKeys: ['operation'] },
    ),
  }),
  { maxLength: 6 },
);

describe('any EnvoyFilters', () => {
  it('translate without throwing, the same whatever was remembered, and print', () => {
    const memo = createMemo();
    const [a] = services;
    const endpoints = a ? [endpointAt(a, '10.0.0.1')] : [];
    const plain = translate(snapshotOf({ services, endpoints }), sidecarContext(), memo);
    fc.assert(
      fc.property(patches, (configPatches) => {
        const config = [filter('x', { configPatches } as EnvoyFilterSpec)];
        const snapshot = snapshotOf({ services, endpoints, config });
        const translation = translate(snapshot, sidecarContext(), createMemo());
        const again = translate(snapshot, sidecarContext(), createMemo());
        for (const type of types) {
          expect(translation.resources(type).version).toBe(again.resources(type).version);
          for (const name of translation.resources(type).names())
            expect(translation.resources(type).get(name)?.name).toBe(name);
        }
        expect(translation.resources(typeUrls.endpoints).version).toBe(plain.resources(typeUrls.endpoints).version);
        expect(translationToJson(translation).resources.clusters.length).toBe(
          translation.resources(typeUrls.cluster).size,
        );
        expect(Array.isArray(translation.warnings)).toBe(true);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('give the same bytes step by step as from nothing, and none of them stay behind', () => {
    const contexts = [
      sidecarContext(),
      sidecarContext({ type: 'router', labels: { istio: 'ingressgateway' }, addresses: ['10.0.0.2'] }),
    ];
    const versions = (translation: Translation) => types.map((type) => translation.resources(type).version);
    fc.assert(
      fc.property(patches, patches, (first, second) => {
        const memo = createMemo();
        const builder = builderOf({ services });
        const before = contexts.map((context) => versions(translate(builder.snapshot(), context, memo)));
        const facts = [
          configApplied(filter('x', { configPatches: first } as EnvoyFilterSpec)),
          serviceRegistered(httpService('c')),
          configApplied(filter('y', { configPatches: second, priority: -1 } as EnvoyFilterSpec)),
          serviceDeregistered(httpService('c')),
          configDeleted(filter('x', {})),
          configDeleted(filter('y', {})),
        ];
        for (const fact of facts) {
          builder.apply(recorded(fact, builder.position + 1));
          const snapshot = builder.snapshot();
          for (const context of contexts)
            expect(versions(translate(snapshot, context, memo))).toEqual(
              versions(translate(snapshot, context, createMemo())),
            );
        }
        expect(contexts.map((context) => versions(translate(builder.snapshot(), context, memo)))).toEqual(before);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
