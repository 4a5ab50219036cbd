import { describe, expect, it } from 'vitest';
import type { ApiObject } from './client.ts';
import { type KubernetesSet, noKubernetesObjects } from './kubernetes-set.ts';
import { pruneEndpointSlice, pruneNamespace, pruneNode, prunePod, pruneService } from './prune.ts';
import { translateKubernetes } from './translate.ts';

const noise = { uid: 'u', resourceVersion: '7', managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }] };
const metadata = (name: string, more: object = {}) => ({ name, namespace: 'shop', ...noise, ...more });
const created = { creationTimestamp: '2026-01-01T00:00:00Z' };

const services: readonly ApiObject[] = [
  {
    metadata: metadata('web', {
      ...created,
      labels: { app: 'web' },
      annotations: { 'networking.istio.io/exportTo': '.', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    }),
    spec: {
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      type: 'ClusterIP',
      sessionAffinity: 'None',
      trafficDistribution: 'PreferSameZone',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 'app', appProtocol: 'http', protocol: 'TCP' }],
    },
    status: { loadBalancer: {} },
  },
  {
    metadata: metadata('gw'),
    spec: {
      type: 'LoadBalancer',
      internalTrafficPolicy: 'Local',
      externalIPs: ['198.51.100.1'],
      ports: [{ port: 15_443 }],
    },
    status: {
      loadBalancer: { ingress: [{ ip: '192.0.2.1', hostname: 'lb.example', ipMode: 'VIP' }, { hostname: 'b' }] },
    },
  },
  { metadata: metadata('out'), spec: { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 443 }] } },
  { metadata: metadata('set'), spec: { clusterIP: 'None', publishNotReadyAddresses: true, ports: [{ port: 1 }] } },
];
const slices: readonly ApiObject[] = [
  {
    metadata: metadata('web-1', { labels: { 'kubernetes.io/service-name': 'web', 'endpointslice/managed-by': 'x' } }),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: 'p1', uid: 'u' },
        zone: 'z',
      },
      { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true, terminating: true }, nodeName: 'n1' },
      // On its host's network the address is not the pod's own.
      { addresses: ['10.0.0.9'], conditions: { ready: true }, zone: 'z2' },
    ],
  },
];
const pods: readonly ApiObject[] = [
  {
    metadata: metadata('p1', { ...created, labels: { app: 'web' } }),
    spec: {
      nodeName: 'n1',
      serviceAccountName: 'web',
      containers: [
        { name: 'c', image: 'i', env: [], ports: [{ name: 'app', containerPort: 8080 }, { containerPort: 1 }] },
      ],
      initContainers: [{ name: 'i', ports: [{ name: 'init', containerPort: 9 }] }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::2' }],
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'False', lastProbeTime: null },
      ],
    },
  },
  {
    metadata: metadata('host', { deletionTimestamp: '2026-02-01T00:00:00Z', labels: { app: 'host' } }),
    spec: { nodeName: 'n1', hostNetwork: true, containers: [] },
    status: { phase: 'Running', podIP: '10.0.0.9' },
  },
  { metadata: metadata('done'), spec: {}, status: { phase: 'Succeeded', podIP: '10.0.0.2' } },
];
const nodes: readonly ApiObject[] = [
  {
    metadata: {
      name: 'n1',
      ...noise,
      labels: {
        'topology.kubernetes.io/region': 'eu',
        'topology.kubernetes.io/zone': 'eu-1',
        'topology.istio.io/subzone': 'rack',
        'kubernetes.io/os': 'linux',
      },
    },
    status: { images: [{ names: ['large'] }] },
  },
];
const namespaces: readonly ApiObject[] = [
  { metadata: { name: 'istio-system', ...noise, labels: { 'topology.istio.io/network': 'west' } } },
  {
    metadata: {
      name: 'shop',
      ...noise,
      annotations: {
        'networking.istio.io/traffic-distribution': 'PreferSameNode',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
      },
    },
  },
];

const whole = {
  ...noKubernetesObjects,
  ...{ services, endpointSlices: slices, pods, nodes, namespaces },
} as unknown as KubernetesSet;
const pruned: KubernetesSet = {
  ...noKubernetesObjects,
  services: services.map(pruneService),
  endpointSlices: slices.map(pruneEndpointSlice),
  pods: pods.map(prunePod),
  nodes: nodes.map(pruneNode),
  namespaces: namespaces.map(pruneNamespace),
};

describe('pruned objects', () => {
  it('mean what the whole ones do', () => {
    const origin = { platform: 'kubernetes', clusterId: 'c1' };
    const shown = translateKubernetes(whole, origin);
    expect(
      shown
        .map(({ observed }) => observed.kind)
        .sort()
        .join(),
    ).toMatch(/(endpoint,){4}(service,){4}(workload,?){2}/);
    expect(translateKubernetes(pruned, origin)).toEqual(shown);
  });

  it('have nothing that only changes by itself', () => {
    const text = JSON.stringify(pruned);
    for (const word of [
      'managedFields',
      'resourceVersion',
      'last-applied',
      'images',
      'lastProbeTime',
      'image',
      'managed-by',
    ])
      expect(text).not.toContain(word);
  });
});
