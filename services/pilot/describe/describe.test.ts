// What describe says of services and workloads.
import { describe, expect, it } from 'vitest';
import { identitySubject } from '../../../events/identity-facts.ts';
import { openMemoryLogs } from '../../../events/logs/memory.ts';
import { endpointAt, httpService, type MeshFixture, resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../translate/context-fixture.ts';
import { lastCertificate, lastChanges, lastHealth } from './describe-changes.ts';
import { describeService, type SeenProxy } from './describe-service.ts';
import { describeWorkload, knownWorkloads } from './describe-workload.ts';

const reviews = httpService('reviews');
const at = (address: string, version: string, over = {}) =>
  endpointAt(reviews, address, { labels: { app: 'reviews', version }, workload: `reviews-${version}`, ...over });
const route = (subset: string, weight: number) => ({ destination: { host: 'reviews', subset }, weight });

const fixture: MeshFixture = {
  services: [reviews, httpService('hidden', { exportTo: ['.'] })],
  endpoints: [at('10.0.0.1', 'v1'), at('10.0.0.2', 'v2', { health: 'unhealthy' })],
  config: [
    resourceOf('VirtualService', 'reviews', {
      hosts: ['reviews'],
      http: [
        {
          name: 'test',
          match: [{ headers: { who: { exact: 'anna' } } }],
          timeout: '5s',
          route: [{ destination: { host: 'reviews', subset: 'v2' } }],
        },
        { route: [route('v1', 90), route('v2', 10)] },
      ],
    }),
    resourceOf(
      'VirtualService',
      'younger',
      { hosts: ['reviews'], http: [{ route: [route('v1', 100)] }] },
      { createdAt: '2025-06-01T00:00:00Z' },
    ),
    resourceOf('DestinationRule', 'reviews', {
      host: 'reviews',
      trafficPolicy: { loadBalancer: { simple: 'RANDOM' } },
      subsets: [
        { name: 'v1', labels: { version: 'v1' } },
        { name: 'v2', labels: { version: 'v2' } },
        { name: 'v3', labels: { version: 'v3' } },
      ],
    }),
    resourceOf('PeerAuthentication', 'strict', { mtls: { mode: 'STRICT' } }, { namespace: 'istio-system' }),
    resourceOf('AuthorizationPolicy', 'v1', { selector: { matchLabels: { version: 'v1' } }, rules: [{}] }),
    resourceOf('Sidecar', 'narrow', { workloadSelector: { labels: { version: 'v1' } }, egress: [{ hosts: ['./*'] }] }),
    resourceOf('EnvoyFilter', 'late', {
      priority: 5,
      configPatches: [{ applyTo: 'BOOTSTRAP', patch: { operation: 'MERGE', value: {} } }],
    }),
    resourceOf('EnvoyFilter', 'early', { configPatches: [] }, { namespace: 'istio-system' }),
    resourceOf('EnvoyFilter', 'elsewhere', { workloadSelector: { labels: { version: 'v2' } } }),
  ],
};
const snapshot = snapshotOf(fixture);
const proxy: SeenProxy = {
  id: 'sidecar~10.0.0.1~reviews-v1.default~x',
  connected: true,
  context: sidecarContext({ labels: { app: 'reviews', version: 'v1' } }),
  status: ['CDS SYNCED'],
};

describe('describeService', () => {
  const described = describeService(snapshot, reviews, { from: 'default', proxies: [proxy] });

  it('says which VirtualService routes, how, and which one has no effect', () => {
    expect(described.routes).toEqual([
      {
        resource: 'VirtualService/default/reviews',
        why: 'host reviews.default.svc.cluster.local',
        gateways: ['mesh'],
        rules: [
          'test: header who exact anna → reviews.default.svc.cluster.local v2; timeout 5s',
          'any request → reviews.default.svc.cluster.local v1 (90 %), reviews.default.svc.cluster.local v2 (10 %)',
        ],
      },
      expect.objectContaining({
        resource: 'VirtualService/default/younger',
        shadowedBy: 'VirtualService/default/reviews',
      }),
    ]);
  });

  it('says which DestinationRule holds and who is in its subsets', () => {
    expect(described.rule).toMatchObject({
      resource: 'DestinationRule/default/reviews',
      why: 'host reviews, in the clients’ own namespace',
      policy: ['loadBalancer {"simple":"RANDOM"}'],
    });
    expect(described.rule?.subsets.map(({ name, endpoints, healthy }) => [name, endpoints, healthy])).toEqual([
      ['v1', 1, 1],
      ['v2', 1, 0],
      ['v3', 0, 0],
    ]);
    expect(describeService(snapshot, reviews, { from: 'other', proxies: [] }).rule?.why).toMatch(
      /in the service’s namespace/,
    );
  });

  it('lists endpoints with subsets and proxies, policies and what is wrong', () => {
    expect(described.endpoints).toEqual([
      expect.objectContaining({ address: '10.0.0.1', subsets: ['v1'], proxy: proxy.id, workload: 'reviews-v1' }),
      expect.objectContaining({ address: '10.0.0.2', subsets: ['v2'], health: 'unhealthy' }),
    ]);
    expect(described.endpoints[1]).not.toHaveProperty('proxy');
    expect(described.mutualTls).toEqual(['STRICT']);
    expect(described.policies).toEqual([
      { resource: 'PeerAuthentication/istio-system/strict', why: 'for the whole mesh (root namespace istio-system)' },
      { resource: 'AuthorizationPolicy/default/v1', why: 'for namespace default, selects version=v1' },
    ]);
    expect(described.findings.every(({ resource }) => resource !== undefined)).toBe(true);
  });

  it('says whether clients of a namespace see it', () => {
    const [hidden] = snapshot.registry.servicesOf('hidden.default.svc.cluster.local');
    if (hidden === undefined) throw new Error('no service');
    const visible = (from: string) => describeService(snapshot, hidden, { from, proxies: [] }).visible;
    expect([visible('default'), visible('other')]).toEqual([true, false]);
  });
});

describe('describeWorkload', () => {
  it('says what a workload’s proxy follows, in order and why', () => {
    const workload = knownWorkloads(snapshot, [proxy]).find(({ name }) => name === 'reviews-v1');
    if (workload === undefined) throw new Error('no workload');
    expect(describeWorkload(snapshot, workload, [proxy])).toMatchObject({
      namespace: 'default',
      proxies: [{ id: proxy.id, connected: true, status: ['CDS SYNCED'] }],
      services: [{ hostname: reviews.hostname }],
      sidecar: { resource: 'Sidecar/default/narrow', why: 'for namespace default, selects version=v1' },
      envoyFilters: [{ resource: 'EnvoyFilter/istio-system/early' }, { resource: 'EnvoyFilter/default/late' }],
      envoyFilterProblems: [expect.stringMatching(/BOOTSTRAP is not served/)],
      mutualTls: { mode: 'STRICT', ports: {} },
    });
  });

  it('knows workloads of every source, each once', () => {
    const more = snapshotOf({
      ...fixture,
      config: [resourceOf('WorkloadEntry', 'vm', { address: '10.9.9.9', labels: { app: 'vm' } })],
    });
    const names = knownWorkloads(more, [proxy, { ...proxy, id: 'router~10.0.0.9~gw.default~x' }]).map(
      ({ name }) => name,
    );
    expect(names).toEqual(['vm', 'reviews-v1', 'reviews-v2', 'gw']);
  });
});

describe('what leads to a service from outside', () => {
  const web = resourceOf('Gateway', 'web', {
    selector: { istio: 'ingressgateway' },
    servers: [
      { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'], tls: { httpsRedirect: true } },
      {
        port: { number: 443, name: 'https', protocol: 'HTTPS' },
        hosts: ['./shop.example.com'],
        tls: { mode: 'SIMPLE', credentialName: 'shop-tls' },
      },
      { port: { number: 81, name: 'other', protocol: 'HTTP' }, hosts: ['example.org'] },
    ],
  });
  const shop = resourceOf('VirtualService', 'shop', {
    hosts: ['shop.example.com'],
    gateways: ['web', 'gone', 'mesh'],
    http: [{ route: [route('v1', 100)] }],
  });
  const outside = snapshotOf({ ...fixture, config: [...(fixture.config ?? []), web, shop] });
  const labels = { istio: 'ingressgateway' };
  const gateway: SeenProxy = {
    id: 'router~10.0.0.9~gw.istio-system~x',
    connected: true,
    context: sidecarContext({ type: 'router', namespace: 'istio-system', labels }),
    status: [],
  };

  it('names Gateways, their servers with common hosts, proxies and certificates', () => {
    const { exposures } = describeService(outside, reviews, { from: 'default', proxies: [proxy, gateway] });
    expect(exposures).toEqual([
      {
        resource: 'Gateway/default/web',
        why: 'VirtualService/default/shop names it',
        servers: [
          { port: 80, protocol: 'HTTP', hosts: ['shop.example.com'], httpsRedirect: true, credentials: [] },
          {
            port: 443,
            protocol: 'HTTPS',
            hosts: ['shop.example.com'],
            tls: 'SIMPLE',
            credentials: [{ name: 'istio-system/shop-tls', problem: 'not found' }],
          },
        ],
        proxies: [gateway.id],
      },
      expect.objectContaining({ resource: 'Gateway/default/gone', why: expect.stringMatching(/does not exist/) }),
    ]);
  });
});

describe('since when a description is true', () => {
  it('finds the last change of each resource up to a position, and the newest certificate', async () => {
    const { facts } = openMemoryLogs();
    const subject = 'config/VirtualService/default/reviews';
    const spiffeId = 'spiffe://cluster.local/ns/default/sa/reviews';
    const event = (id: string, actor: string, over: object) => ({
      id,
      source: '/test',
      type: 'io.periplus.config.applied',
      subject,
      time: `2026-11-22T10:00:0${id}Z`,
      actor,
      causes: [],
      data: {},
      ...over,
    });
    const issued = {
      type: 'io.periplus.identity.certificate-issued',
      subject: identitySubject(spiffeId),
      data: { serial: '0a', notAfter: '2026-11-23T10:00:00Z' },
    };
    const reported = {
      type: 'io.periplus.registry.workload-health-reported',
      subject: 'registry/proxy/health/default/web-0',
      data: { health: 'unhealthy', reason: 'answered 500' },
    };
    await facts.append(
      [
        event('1', 'user:anna', {}),
        event('2', 'user:ben', {}),
        event('3', 'citadel', issued),
        event('4', 'proxy', reported),
      ].map((one) => ({
        event: one as never,
      })),
    );
    const resource = 'VirtualService/default/reviews';
    const at = (position: number) => lastChanges(facts, [resource, 'Gateway/default/none'], position);
    expect(await at(3)).toEqual([{ resource, position: 2, time: '2026-11-22T10:00:02Z', actor: 'user:ben' }]);
    expect(await at(1)).toEqual([expect.objectContaining({ position: 1, actor: 'user:anna' })]);
    expect(await lastCertificate(facts, spiffeId, 3)).toEqual({
      spiffeId,
      serial: '0a',
      notAfter: '2026-11-23T10:00:00Z',
      position: 3,
    });
    expect(await lastCertificate(facts, spiffeId, 2)).toBeUndefined();
    const proxies = ['web-0', 'web-1'].map((id) => ({ id, connected: true, status: [] }));
    expect(await lastHealth(facts, { namespace: 'default', proxies }, 4)).toEqual([
      { proxyId: 'web-0', health: 'unhealthy', reason: 'answered 500', position: 4, time: '2026-11-22T10:00:04Z' },
    ]);
    expect(await lastHealth(facts, { namespace: 'default', proxies }, 3)).toEqual([]);
  });
});
