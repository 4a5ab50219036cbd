import { describe, expect, it } from 'vitest';
import type { Endpoint, Service, Workload } from '../../events/model.ts';
import type { KubernetesPod, KubernetesService } from '../../mesh/config/schemas/kubernetes.ts';
import { type KubernetesSet, noKubernetesObjects } from './kubernetes-set.ts';
import { protocolOf } from './port-protocol.ts';
import { translateKubernetes } from './translate.ts';

const service = (spec: KubernetesService['spec'], metadata: KubernetesService['metadata'] = {}): KubernetesService => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
});
const pod = (
  name: string,
  ip: string,
  over: Partial<KubernetesPod> = {},
  metadata: KubernetesPod['metadata'] = {},
): KubernetesPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels: { app: 'web' }, ...metadata },
  spec: {
    serviceAccountName: 'web-sa',
    nodeName: 'n1',
    containers: [{ ports: [{ name: 'app', containerPort: 9090 }] }],
  },
  status: { podIP: ip, phase: 'Running' },
  ...over,
});
const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'n1',
    labels: {
      'topology.kubernetes.io/region': 'eu',
      'topology.kubernetes.io/zone': 'eu-1',
      'topology.istio.io/subzone': 'rack',
    },
  },
};
const object = (kind: string, name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'shop', labels },
});

function translate(set: Partial<KubernetesSet>) {
  const shown = translateKubernetes({ ...noKubernetesObjects, ...set }, { platform: 'kubernetes', clusterId: 'c1' });
  const of = <T>(kind: string) =>
    shown.filter(({ observed }) => observed.kind === kind).map(({ observed }) => observed.value as T);
  return {
    shown,
    services: of<Service>('service'),
    endpoints: of<Endpoint>('endpoint'),
    workloads: of<Workload>('workload'),
  };
}

describe('translateKubernetes', () => {
  it('translates a Service', () => {
    const { services } = translate({
      services: [
        service(
          {
            clusterIP: '10.96.0.1',
            clusterIPs: ['10.96.0.1', 'fd00::1'],
            selector: { app: 'web' },
            trafficDistribution: 'PreferClose',
            ports: [
              { name: 'http-web', port: 80, targetPort: 'app' },
              { name: 'db', port: 3306 },
            ],
          },
          {
            labels: { team: 'a' },
            annotations: {
              'networking.istio.io/exportTo': '., other ,',
              'kubectl.kubernetes.io/last-applied-configuration': '{}',
            },
            creationTimestamp: '2026-01-01T00:00:00Z',
          },
        ),
      ],
    });
    expect(services).toEqual([
      {
        hostname: 'web.shop.svc.cluster.local',
        name: 'web',
        namespace: 'shop',
        platform: 'kubernetes',
        clusterId: 'c1',
        addresses: ['10.96.0.1', 'fd00::1'],
        ports: [
          { name: 'http-web', port: 80, protocol: 'HTTP', targetPort: 'app' },
          { name: 'db', port: 3306, protocol: 'TCP' },
        ],
        labels: { team: 'a' },
        annotations: { 'networking.istio.io/exportTo': '., other ,' },
        selector: { app: 'web' },
        exportTo: ['.', 'other'],
        trafficDistribution: 'PreferSameZone',
        resolution: 'STATIC',
        location: 'MESH_INTERNAL',
        createdAt: '2026-01-01T00:00:00Z',
      },
    ]);
  });

  it('knows headless and ExternalName services', () => {
    expect(translate({ services: [service({ clusterIP: 'None' })] }).services[0]).toMatchObject({
      headless: true,
      addresses: [],
      resolution: 'NONE',
    });
    const external = translate({ services: [service({ type: 'ExternalName', externalName: 'db.example.com' })] });
    expect(external.services[0]).toMatchObject({ externalName: 'db.example.com', resolution: 'DNS', addresses: [] });
    expect(external.endpoints).toMatchObject([
      { id: 'db.example.com', address: 'db.example.com', ports: { http: 8080 } },
    ]);
  });

  it.each([
    ['LoadBalancer', ['192.0.2.1', 'lb.example', '198.51.100.1']],
    ['ClusterIP', ['198.51.100.1']],
  ])('knows where a %s is reached from outside, and that it is for its own nodes', (type, externalAddresses) => {
    const one = service({ type, externalIPs: ['198.51.100.1'], internalTrafficPolicy: 'Local' });
    const ingress = [{ ip: '192.0.2.1', hostname: 'left-out.example' }, { hostname: 'lb.example' }, {}];
    const { services } = translate({ services: [{ ...one, status: { loadBalancer: { ingress } } }] });
    expect(services[0]).toMatchObject({ externalAddresses, isNodeLocal: true });
  });

  it('derives endpoints from the pods that the selector matches when nothing else lists them', () => {
    const { endpoints, shown } = translate({
      services: [
        service({
          selector: { app: 'web' },
          ports: [
            { name: 'http', port: 80, targetPort: 'app' },
            { name: 'x', port: 1, targetPort: 'none' },
          ],
        }),
      ],
      nodes: [node],
      pods: [
        pod('b', '10.0.0.2', { status: { podIP: '10.0.0.2', conditions: [{ type: 'Ready', status: 'False' }] } }),
        pod(
          'a',
          '10.0.0.1',
          {},
          { labels: { app: 'web', version: 'v1', 'topology.istio.io/network': 'net', 'istio-locality': 'us.us-1' } },
        ),
        pod('leaving', '10.0.0.3', {}, { deletionTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'web' } }),
        pod('other', '10.0.0.4', {}, { labels: { app: 'other' } }),
        pod('ended', '10.0.0.5', { status: { podIP: '10.0.0.5', phase: 'Succeeded' } }),
        pod('unplaced', ''),
        pod('elsewhere', '10.0.0.6', {}, { namespace: 'else', labels: { app: 'web' } }),
      ],
    });
    expect(endpoints.map(({ id, address, health }) => [id, address, health])).toEqual([
      ['a', '10.0.0.1', 'healthy'],
      ['b', '10.0.0.2', 'unhealthy'],
      ['leaving', '10.0.0.3', 'draining'],
    ]);
    expect(endpoints[0]).toEqual({
      id: 'a',
      nodeName: 'n1',
      hostname: 'web.shop.svc.cluster.local',
      namespace: 'shop',
      platform: 'kubernetes',
      clusterId: 'c1',
      address: '10.0.0.1',
      ports: { http: 9090 },
      labels: { app: 'web', version: 'v1', 'topology.istio.io/network': 'net', 'istio-locality': 'us.us-1' },
      health: 'healthy',
      locality: 'us/us-1',
      network: 'net',
      serviceAccount: 'web-sa',
      workload: 'a',
    });
    expect(endpoints[1]?.locality).toBe('eu/eu-1/rack');
    expect(shown.find(({ observed }) => observed.kind === 'endpoint')?.shownBy).toBe('Pod/shop/a');
  });

  it('publishes pods that are not ready where the Service says so', () => {
    const waiting = pod('a', '10.0.0.1', { status: { podIP: '10.0.0.1', phase: 'Pending' } });
    const { endpoints } = translate({
      services: [service({ selector: { app: 'web' }, publishNotReadyAddresses: true })],
      pods: [waiting],
    });
    expect(endpoints[0]?.health).toBe('healthy');
  });

  it('takes EndpointSlices first, joined with pods by reference or by address', () => {
    const { endpoints } = translate({
      services: [service({ selector: { app: 'web' } })],
      nodes: [node],
      pods: [pod('a', '10.0.0.1'), pod('b', '10.0.0.2'), pod('unlisted', '10.0.0.9')],
      endpoints: [
        {
          ...object('Endpoints', 'web'),
          subsets: [{ addresses: [{ ip: '10.0.0.8' }], ports: [{ name: 'http', port: 1 }] }],
        },
      ],
      endpointSlices: [
        {
          ...object('EndpointSlice', 'web-1', { 'kubernetes.io/service-name': 'web' }),
          addressType: 'IPv4',
          ports: [{ name: 'http', port: 8080 }, { name: 'unknown', port: 1 }, { name: 'http' }],
          endpoints: [
            { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'a', namespace: 'shop' } },
            { addresses: ['10.0.0.2'], conditions: { ready: false } },
            { addresses: ['10.0.0.3'], conditions: { ready: false, serving: true, terminating: true }, zone: 'eu-2' },
            {
              addresses: ['10.0.0.4'],
              conditions: { ready: false, serving: false, terminating: true },
              nodeName: 'n1',
            },
          ],
        },
        {
          ...object('EndpointSlice', 'web-2', { 'kubernetes.io/service-name': 'web' }),
          addressType: 'IPv6',
          ports: [{ name: 'http', port: 8080 }],
          endpoints: [{ addresses: ['fd00::1'], targetRef: { kind: 'Pod', name: 'a' } }],
        },
      ],
    });
    expect(
      endpoints.map(({ id, address, health, labels, locality, ports }) => [
        id,
        address,
        health,
        labels.app,
        locality,
        ports.http,
      ]),
    ).toEqual([
      ['a', '10.0.0.1', 'healthy', 'web', 'eu/eu-1/rack', 8080],
      ['b', '10.0.0.2', 'unhealthy', 'web', 'eu/eu-1/rack', 8080],
      ['10.0.0.3', '10.0.0.3', 'draining', undefined, '/eu-2', 8080],
      ['10.0.0.4', '10.0.0.4', 'unhealthy', undefined, 'eu/eu-1/rack', 8080],
      ['a~fd00::1', 'fd00::1', 'healthy', 'web', 'eu/eu-1/rack', 8080],
    ]);
  });

  it('takes slices of several owners together, without a selector too, and leaves names (FQDN) out', () => {
    const slice = (name: string, endpoints: readonly object[], addressType = 'IPv4') => ({
      ...object('EndpointSlice', name, {
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': name,
      }),
      addressType,
      ports: [{ name: 'http', port: 8080 }],
      endpoints: endpoints as never,
    });
    const { endpoints } = translate({
      services: [service({})],
      endpointSlices: [
        slice('a', [{ addresses: ['10.0.0.1', '10.0.0.3'] }, { addresses: [] }]),
        // What one owner knows as not ready and another as ready is ready.
        slice('b', [{ addresses: ['10.0.0.1'], conditions: { ready: false } }, { addresses: ['10.0.0.2'] }]),
        slice('c', [{ addresses: ['db.example.com'] }], 'FQDN'),
      ],
    });
    expect(endpoints.map(({ address, health }) => [address, health])).toEqual([
      ['10.0.0.1', 'healthy'],
      ['10.0.0.3', 'healthy'],
      ['10.0.0.2', 'healthy'],
    ]);
  });

  it('goes by readiness, gates included: the kubelet holds Ready back until each of them is true', () => {
    const gated = (gate: string, ready: string) => ({
      podIP: '10.0.0.1',
      phase: 'Running',
      conditions: [
        { type: 'ContainersReady', status: 'True' },
        { type: 'example.com/gate', status: gate },
        { type: 'Ready', status: ready },
      ],
    });
    const health = (status: object) => translate({ pods: [pod('a', '10.0.0.1', { status })] }).workloads[0]?.health;
    expect(health(gated('False', 'False'))).toBe('unhealthy');
    expect(health(gated('True', 'True'))).toBe('healthy');
  });

  it('takes an Endpoints object: ready and not ready, an instance listed for each port once', () => {
    const { endpoints } = translate({
      services: [
        service({
          ports: [
            { name: 'http', port: 80 },
            { name: 'tcp', port: 90 },
          ],
        }),
      ],
      endpoints: [
        {
          ...object('Endpoints', 'web'),
          subsets: [
            { addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] },
            {
              addresses: [{ ip: '10.0.0.1' }],
              notReadyAddresses: [{ ip: '10.0.0.2' }],
              ports: [{ name: 'tcp', port: 9090 }],
            },
          ],
        },
      ],
    });
    expect(endpoints.map(({ address, health, ports }) => [address, health, ports])).toEqual([
      ['10.0.0.1', 'healthy', { http: 8080, tcp: 9090 }],
      ['10.0.0.2', 'unhealthy', { tcp: 9090 }],
    ]);
  });

  it('translates pods to workloads, with the network of the cluster', () => {
    const system = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'istio-system', labels: { 'topology.istio.io/network': 'main' } },
    };
    const { workloads } = translate({
      pods: [pod('a', '10.0.0.1', { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } })],
      nodes: [node],
      namespaces: [system],
    });
    expect(workloads).toEqual([
      {
        name: 'a',
        namespace: 'shop',
        platform: 'kubernetes',
        clusterId: 'c1',
        addresses: ['10.0.0.1', 'fd00::1'],
        ports: { app: 9090 },
        labels: { app: 'web' },
        health: 'healthy',
        serviceAccount: 'web-sa',
        locality: 'eu/eu-1/rack',
        network: 'main',
      },
    ]);
  });
});

describe('protocolOf', () => {
  it.each([
    ['http', 'HTTP'],
    ['http-web', 'HTTP'],
    ['HTTP2-x', 'HTTP2'],
    ['grpc', 'GRPC'],
    ['grpc-web-x', 'GRPC-Web'],
    ['tcp', 'TCP'],
    ['tls-x', 'TLS'],
    ['https', 'HTTPS'],
    ['mongo', 'Mongo'],
    ['mysql-db', 'MySQL'],
    ['redis', 'Redis'],
    ['udp', 'UDP'],
    ['web', 'Unsupported'],
    ['httpx', 'Unsupported'],
    ['', 'Unsupported'],
  ])('reads the port name %j as %s', (name, protocol) => {
    expect(protocolOf({ name, port: 1000 })).toBe(protocol);
  });

  it.each([
    ['kubernetes.io/h2c', 'HTTP2'],
    ['kubernetes.io/ws', 'HTTP'],
    ['kubernetes.io/wss', 'HTTPS'],
    ['grpc', 'GRPC'],
    ['example.com/own', 'Unsupported'],
  ])('prefers the appProtocol %s: %s', (appProtocol, protocol) => {
    expect(protocolOf({ name: 'tcp', port: 1000, appProtocol })).toBe(protocol);
  });

  it('takes UDP by transport, and never waits for the client where servers speak first', () => {
    expect(protocolOf({ name: 'http', port: 53, protocol: 'UDP' })).toBe('UDP');
    expect(protocolOf({ port: 3306 })).toBe('TCP');
  });
});
