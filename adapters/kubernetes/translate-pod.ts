// Pods as workloads, and what a pod lends to its endpoints: labels, locality, network, identity, health.
import type { Endpoint, Health, Workload } from '../../events/model.ts';
import type { KubernetesPod } from '../../mesh/config/schemas/kubernetes.ts';
import { localityFromLabel } from '../../mesh/service-entry.ts';
import { addressesOf, isFinished, type KubernetesIndex, namespaceOf } from './kubernetes-set.ts';

/** The platform's name and place, put on everything translated. */
export interface Origin {
  readonly platform: string;
  readonly clusterId?: string;
  /** DNS domain of the cluster's services; `cluster.local` by default. */
  readonly domain?: string;
}

/** The workload that a pod is; undefined while it has no address and once it has ended. */
export function workloadOf(pod: KubernetesPod, index: KubernetesIndex, origin: Origin): Workload | undefined {
  const addresses = addressesOf(pod);
  if (addresses.length === 0 || isFinished(pod)) return undefined;
  const { locality, network, serviceAccount, labels } = traitsOf(pod, index);
  const { creationTimestamp } = pod.metadata;
  return {
    name: pod.metadata.name ?? '',
    namespace: namespaceOf(pod),
    platform: origin.platform,
    ...(origin.clusterId && { clusterId: origin.clusterId }),
    addresses,
    ports: containerPorts(pod),
    labels,
    health: healthOf(pod),
    serviceAccount,
    ...(locality && { locality }),
    ...(network && { network }),
    ...(creationTimestamp && { createdAt: creationTimestamp }),
  };
}

/** What endpoints in `pod` have of it. */
export function traitsOf(pod: KubernetesPod, index: KubernetesIndex) {
  const labels = pod.metadata.labels ?? {};
  return {
    labels,
    locality: localityFromLabel(labels) || localityOfNode(pod.spec?.nodeName, index),
    network: labels['topology.istio.io/network'] || index.network,
    serviceAccount: pod.spec?.serviceAccountName || 'default',
    workload: pod.metadata.name ?? '',
  } satisfies { [K in keyof Endpoint]?: Endpoint[K] | undefined };
}

/** `region/zone/subzone` by a node's well-known labels; undefined when it has none. */
export function localityOfNode(name: string | undefined, index: KubernetesIndex): string | undefined {
  const labels = (name ? index.node(name)?.metadata.labels : undefined) ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  const subzone = labels['topology.istio.io/subzone'] ?? '';
  return `${region}/${zone}/${subzone}`.replace(/\/+$/, '') || undefined;
}

/** Container ports by name. */
export function containerPorts(pod: KubernetesPod): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    for (const port of container.ports ?? []) if (port.name) ports[port.name] ??= port.containerPort;
  }
  return ports;
}

/** A pod without a Ready condition (written by hand in a file) counts as ready. */
export function healthOf(pod: KubernetesPod): Health {
  if (pod.metadata.deletionTimestamp) return 'draining';
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  const waits = pod.status?.phase === 'Pending';
  return waits || (ready && ready.status !== 'True') ? 'unhealthy' : 'healthy';
}
