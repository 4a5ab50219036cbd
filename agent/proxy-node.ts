// Who a proxy is: Envoy's node with Istio's id format and metadata, from which Pilot makes its ProxyContext.

import { defaultCluster } from '../mesh/config/mesh-networks.ts';
import { statsCapability } from '../mesh/telemetry/metric-tags.ts';
import { type WorkloadFacts, workloadFacts } from '../mesh/telemetry/workload-facts.ts';

/** A value that proto3 JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** The workload that a proxy stands beside, or the gateway that it is. */
export interface ProxyIdentity {
  /** Default `sidecar`; `router` is a gateway. */
  readonly type?: 'sidecar' | 'router';
  /** Address that the registry knows the workload by; the first decides which services the proxy serves. */
  readonly addresses: readonly [string, ...string[]];
  /** Instance name, such as a pod's: `reviews-v1-0`. */
  readonly name: string;
  readonly namespace: string;
  /** Owner's name, such as a Deployment's. Default: `name`. */
  readonly workloadName?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Default `default`, as in Kubernetes. */
  readonly serviceAccount?: string;
  /** Default `Kubernetes`, Istio's name for the only cluster. */
  readonly clusterId?: string;
  /** Default '': the mesh's one network. */
  readonly network?: string;
  /** `region/zone/subzone`; default unknown. */
  readonly locality?: string;
  /** Default `svc.cluster.local` preceded by the namespace. */
  readonly dnsDomain?: string;
  /** NONE (default): no iptables; listeners bind the ports that Sidecar resources name. */
  readonly interceptionMode?: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** More node metadata, such as HTTP_PROXY_PORT. */
  readonly metadata?: Readonly<Record<string, Json>>;
}

/** What telemetry says of the workload. */
export function ownFacts({ name, workloadName = name, namespace, labels, clusterId }: ProxyIdentity): WorkloadFacts {
  return workloadFacts({ workload: workloadName, namespace, labels, cluster: clusterId ?? defaultCluster });
}

/** Istio's node id: `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local`. */
export function nodeIdOf(identity: ProxyIdentity): string {
  const domain = identity.dnsDomain ?? `${identity.namespace}.svc.cluster.local`;
  return `${identity.type ?? 'sidecar'}~${identity.addresses[0]}~${identity.name}.${identity.namespace}~${domain}`;
}

/**
 * Envoy's node (envoy.config.core.v3.Node) as proto3 JSON. Metadata keys are Istio's
 * (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1 and pilot's node metadata).
 */
export function proxyNode(
  identity: ProxyIdentity,
  proxyConfig: Readonly<Record<string, Json>> = {},
): Record<string, Json> {
  const app =
    identity.labels['app.kubernetes.io/name'] ?? identity.labels.app ?? identity.workloadName ?? identity.name;
  return {
    id: nodeIdOf(identity),
    cluster: `${app}.${identity.namespace}`,
    locality: localityOf(identity.locality ?? ''),
    metadata: {
      NAME: identity.name,
      NAMESPACE: identity.namespace,
      WORKLOAD_NAME: identity.workloadName ?? identity.name,
      LABELS: sorted(identity.labels),
      SERVICE_ACCOUNT: identity.serviceAccount ?? 'default',
      CLUSTER_ID: identity.clusterId ?? defaultCluster,
      NETWORK: identity.network ?? '',
      INSTANCE_IPS: identity.addresses.join(','),
      INTERCEPTION_MODE: identity.interceptionMode ?? 'NONE',
      MESH_ID: 'cluster.local',
      PERIPLUS_TELEMETRY: statsCapability,
      PROXY_CONFIG: proxyConfig,
      ...identity.metadata,
    },
  };
}

function localityOf(locality: string): Record<string, Json> {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return { ...(region && { region }), ...(zone && { zone }), ...(subZone && { sub_zone: subZone }) };
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
