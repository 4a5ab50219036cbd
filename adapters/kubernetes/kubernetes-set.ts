// Kubernetes objects that are looked at together, indexed the ways translation needs.
import { compareStrings } from '../../mesh/compare.ts';
import type {
  KubernetesEndpointSlice,
  KubernetesEndpoints,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
} from '../../mesh/config/schemas/kubernetes.ts';
import { selects } from '../../mesh/service-entry.ts';

/** All objects of one cluster (or of one folder of files). Names and namespaces are set. */
export interface KubernetesSet {
  readonly services: readonly KubernetesService[];
  readonly endpoints: readonly KubernetesEndpoints[];
  readonly endpointSlices: readonly KubernetesEndpointSlice[];
  readonly pods: readonly KubernetesPod[];
  readonly nodes: readonly KubernetesNode[];
  readonly namespaces: readonly KubernetesNamespace[];
}

/** An empty set. */
export const noKubernetesObjects: KubernetesSet = {
  services: [],
  endpoints: [],
  endpointSlices: [],
  pods: [],
  nodes: [],
  namespaces: [],
};

/** Lookups over a set. */
export interface KubernetesIndex {
  podNamed(namespace: string, name: string): KubernetesPod | undefined;
  /** The pod that owns an address: pods on their host's network own none. */
  podAt(namespace: string, address: string): KubernetesPod | undefined;
  /** Pods of the namespace that have all labels of `selector` (at least one), in name order. */
  podsSelectedBy(namespace: string, selector: Readonly<Record<string, string>>): readonly KubernetesPod[];
  node(name: string): KubernetesNode | undefined;
  endpointsOf(namespace: string, service: string): KubernetesEndpoints | undefined;
  slicesOf(namespace: string, service: string): readonly KubernetesEndpointSlice[];
  namespaceNamed(name: string): KubernetesNamespace | undefined;
  /** `topology.istio.io/network` of the namespace `istio-system`: the cluster's network. */
  readonly network: string | undefined;
}

/** Name of the label that ties an EndpointSlice to its Service. */
const serviceNameLabel = 'kubernetes.io/service-name';

/** `namespace/name` of an object, for namespaced ones; `default` when it names no namespace. */
export function objectKey(object: {
  readonly metadata: { readonly namespace?: string; readonly name?: string };
}): string {
  return `${namespaceOf(object)}/${object.metadata.name ?? ''}`;
}

/** The namespace an object is in. */
export function namespaceOf(object: { readonly metadata: { readonly namespace?: string } }): string {
  return object.metadata.namespace || 'default';
}

/** A pod's addresses, the primary one first; none before it has any. */
export function addressesOf(pod: KubernetesPod): readonly string[] {
  const all = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)];
  return [...new Set(all.filter((address): address is string => !!address))];
}

/** See KubernetesIndex. */
export function indexKubernetes(set: KubernetesSet): KubernetesIndex {
  const pods = [...set.pods].sort((a, b) => compareStrings(objectKey(a), objectKey(b)));
  const byName = new Map(pods.map((pod) => [objectKey(pod), pod]));
  const byAddress = new Map<string, KubernetesPod>();
  for (const pod of pods) {
    if (pod.spec?.hostNetwork || isFinished(pod)) continue;
    for (const address of addressesOf(pod)) byAddress.set(`${namespaceOf(pod)}/${address}`, pod);
  }
  const nodes = new Map(set.nodes.map((node) => [node.metadata.name, node]));
  const endpoints = new Map(set.endpoints.map((object) => [objectKey(object), object]));
  const slices = Map.groupBy(
    set.endpointSlices,
    (slice) => `${namespaceOf(slice)}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`,
  );
  const namespaces = new Map(set.namespaces.map((namespace) => [namespace.metadata.name, namespace]));
  return {
    podNamed: (namespace, name) => byName.get(`${namespace}/${name}`),
    podAt: (namespace, address) => byAddress.get(`${namespace}/${address}`),
    podsSelectedBy: selectByLabels(pods),
    node: (name) => nodes.get(name),
    endpointsOf: (namespace, service) => endpoints.get(`${namespace}/${service}`),
    slicesOf: (namespace, service) => slices.get(`${namespace}/${service}`) ?? [],
    namespaceNamed: (name) => namespaces.get(name),
    network: namespaces.get('istio-system')?.metadata.labels?.['topology.istio.io/network'],
  };
}

/** Looks through the pods that have the selector's rarest label: with thousands of services all pods would be too many. */
function selectByLabels(pods: readonly KubernetesPod[]): KubernetesIndex['podsSelectedBy'] {
  const byLabel = new Map<string, KubernetesPod[]>();
  for (const pod of pods) {
    for (const [name, value] of Object.entries(pod.metadata.labels ?? {})) {
      const label = `${namespaceOf(pod)}/${name}=${value}`;
      const labelled = byLabel.get(label);
      if (labelled) labelled.push(pod);
      else byLabel.set(label, [pod]);
    }
  }
  return (namespace, selector) => {
    let rarest: readonly KubernetesPod[] | undefined;
    for (const [name, value] of Object.entries(selector)) {
      const labelled = byLabel.get(`${namespace}/${name}=${value}`) ?? [];
      if (!rarest || labelled.length < rarest.length) rarest = labelled;
    }
    return (rarest ?? []).filter((pod) => selects(selector, pod.metadata.labels ?? {}));
  };
}

/** Whether a pod's containers have ended for good: its address is free for others. */
export function isFinished(pod: KubernetesPod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
