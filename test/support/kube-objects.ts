// Kubernetes objects for tests on a real API server, and what a cluster holds as the whole translation sees it.
import { subjectOf } from '../../adapters/fact.ts';
import type { KubernetesSet } from '../../adapters/kubernetes/kubernetes-set.ts';
import { translateKubernetes } from '../../adapters/kubernetes/translate.ts';
import { parseObject } from '../../mesh/config/parse.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import type { TestKube } from './kube.ts';

/** Paths of the collections in the namespace default. */
export const paths = {
  services: '/api/v1/namespaces/default/services',
  slices: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
  pods: '/api/v1/namespaces/default/pods',
  virtualServices: '/apis/networking.istio.io/v1/namespaces/default/virtualservices',
} as const;

/** A service on port 80. */
export const serviceObject = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});

/** The slice of `service` with an endpoint at each address; those in `pods` (by address) name a pod. */
export const sliceObject = (
  service: string,
  addresses: readonly string[],
  pods: Readonly<Record<string, string>> = {},
) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({
    addresses: [address],
    conditions: { ready: true },
    ...(pods[address] && { targetRef: { kind: 'Pod', name: pods[address], namespace: 'default' } }),
  })),
});

/** Makes or replaces the slice. */
export async function putSlice(kube: TestKube, service: string, addresses: readonly string[]): Promise<void> {
  const slice = sliceObject(service, addresses);
  const { status } = await kube.ask('POST', paths.slices, slice);
  if (status === 409)
    await kube.must('PATCH', `${paths.slices}/${slice.metadata.name}`, { endpoints: slice.endpoints });
}

/** Makes a running pod. */
export async function putPod(
  kube: TestKube,
  name: string,
  ip: string,
  labels: Readonly<Record<string, string>>,
  ready: 'True' | 'False' = 'True',
): Promise<void> {
  await kube.must('POST', paths.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { serviceAccountName: 'web', nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] },
  });
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready }] };
  await kube.must('PATCH', `${paths.pods}/${name}/status`, { status });
}

/** As Istio's definitions have it: IstioStatus (istio.io/latest/docs/reference/config/config-status); fields it does not name are cut off. */
const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const level = { type: 'string', enum: ['UNKNOWN', 'ERROR', 'WARNING', 'INFO'] };
const listOf = (properties: object) => ({ type: 'array', items: { type: 'object', properties } });
const statusSchema = {
  type: 'object',
  properties: {
    conditions: listOf({
      lastProbeTime: time,
      lastTransitionTime: time,
      message: text,
      reason: text,
      status: text,
      type: text,
    }),
    observedGeneration: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
    validationMessages: listOf({
      documentationUrl: text,
      level,
      type: { type: 'object', properties: { code: text, name: text } },
    }),
  },
  'x-kubernetes-preserve-unknown-fields': true,
};

/** A definition of one of Istio's kinds that leaves validation to us. Resolves when the API server serves it. */
export async function define(
  kube: TestKube,
  kind: string,
  plural: string,
  { group = 'networking.istio.io', version = 'v1' } = {},
): Promise<void> {
  const properties = { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, status: statusSchema };
  const schema = { openAPIV3Schema: { type: 'object', properties } };
  await kube.must('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, subresources: { status: {} }, schema }],
    },
  });
  for (let tries = 0; (await kube.ask('GET', `/apis/${group}/${version}/${plural}`)).status !== 200; tries++) {
    if (tries > 100) throw new Error(`${kind} is not served`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the cluster holds now, by subject, read anew and translated as a whole. */
export async function platformOf(
  kube: TestKube,
  platform: string,
  clusterId: string,
): Promise<ReadonlyMap<string, unknown>> {
  const items = async (path: string) => {
    // A server that has just started answers 503 for a moment.
    for (;;) {
      const { status, body } = await kube.ask('GET', path);
      if (status === 404) return [];
      if (status === 200) return body.items as readonly Readonly<Record<string, unknown>>[];
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const set = {
    services: await items('/api/v1/services'),
    endpoints: [],
    endpointSlices: await items('/apis/discovery.k8s.io/v1/endpointslices'),
    pods: await items('/api/v1/pods'),
    nodes: await items('/api/v1/nodes'),
    namespaces: await items('/api/v1/namespaces'),
  } as unknown as KubernetesSet;
  const found = new Map<string, unknown>();
  for (const { observed } of translateKubernetes(set, { platform, clusterId }))
    found.set(subjectOf(observed), observed.value);
  for (const object of await items('/apis/networking.istio.io/v1/virtualservices')) {
    const { object: parsed } = parseObject({ ...object, apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' });
    if (parsed?.type === 'config') found.set(subjectOf({ kind: 'config', value: parsed.resource }), parsed.resource);
  }
  return found;
}

/** What a mesh holds, of one cluster if it is named, by subject. */
export function registryOf({ registry, config }: Snapshot, clusterId?: string): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const isOf = (of: { readonly clusterId?: string }) => clusterId === undefined || of.clusterId === clusterId;
  for (const [key, value] of registry.services) {
    if (isOf(value)) found.set(subjectOf({ kind: 'service', value }), value);
    for (const endpoint of registry.endpoints(key))
      if (isOf(endpoint)) found.set(subjectOf({ kind: 'endpoint', value: endpoint }), endpoint);
  }
  for (const value of registry.workloads.values())
    if (isOf(value)) found.set(subjectOf({ kind: 'workload', value }), value);
  for (const value of config.list('VirtualService')) found.set(subjectOf({ kind: 'config', value }), value);
  return found;
}
