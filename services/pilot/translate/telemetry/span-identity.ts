// Who a proxy is in its spans: Istio's tags and the name of its service. Pure.
import { workloadFacts } from '../../../../mesh/telemetry/workload-facts.ts';
import type { Memo } from '../memo.ts';
import type { ProxyContext } from '../proxy-context.ts';

/** See the file's first line. */
export interface SpanIdentity {
  /** Istio's tags, by name. */
  readonly tags: Readonly<Record<string, string>>;
  /** OpenTelemetry's `service.name`: Envoy's own, and as OpenTelemetry's conventions for Kubernetes have it. '' where not known. */
  readonly service: NonNullable<ProxyContext['spanService']>;
}

/** The same object for all proxies that are the same in spans. */
export function spanIdentity(context: ProxyContext, memo: Memo): SpanIdentity {
  const { namespace, labels, clusterId, metadata = {}, spanService = { cluster: '', semantic: '' } } = context;
  const workload = metadata.WORKLOAD_NAME || 'unknown';
  const facts = workloadFacts({ workload, namespace, labels, cluster: clusterId || 'unknown' });
  const tags = {
    'istio.canonical_revision': facts.canonicalRevision,
    'istio.canonical_service': facts.canonicalName,
    'istio.cluster_id': facts.cluster,
    'istio.mesh_id': metadata.MESH_ID || 'unknown',
    'istio.namespace': namespace,
  };
  const identity = { tags, service: spanService };
  return memo.get('span-identity', [memo, JSON.stringify(identity)], () => identity);
}
