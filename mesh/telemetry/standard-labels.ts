// Istio's standard labels out of what one Envoy statistic is tagged with (istio.io/latest/docs/reference/config/metrics/#labels). Pure.
import { combinedTags } from './metric-tags.ts';
import { noFacts, parseFacts, unknown, type WorkloadFacts } from './workload-facts.ts';

/** A service as the labels name it. */
interface ServiceName {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

const combined: ReadonlySet<string> = new Set(Object.values(combinedTags));

/**
 * All labels of a sample with these tags, reported by the proxy of `own`. Tags that are not combined ones come last and win: a
 * Telemetry's `tagOverrides` may replace a standard label.
 */
export function standardLabels(tags: ReadonlyMap<string, string>, own: WorkloadFacts): Map<string, string> {
  const isClient = tags.get('reporter') === 'source';
  const peer = isClient ? destinationOf(tags) : { service: serviceOf(tags), facts: sourceOf(tags) };
  const [source, destination] = isClient ? [own, peer.facts] : [peer.facts, own];
  const labels = new Map([
    ['reporter', isClient ? 'source' : 'destination'],
    ...workloadLabels('source', source),
    ['source_principal', unknown],
    ...workloadLabels('destination', destination),
    ['destination_principal', unknown],
    ['destination_service', peer.service.host],
    ['destination_service_name', peer.service.name],
    ['destination_service_namespace', peer.service.namespace],
    ['request_protocol', protocolOf(tags)],
    ['connection_security_policy', unknown],
  ] as [string, string][]);
  for (const [name, value] of tags) if (!combined.has(name)) labels.set(name, given(name, value));
  for (const name of (tags.get(combinedTags.removed) ?? '').split(',')) labels.delete(name);
  return labels;
}

/** An empty text says that nothing is known, except where Istio leaves the label empty. */
function given(name: string, value: string): string {
  return value === '' && name !== 'grpc_response_status' ? unknown : value;
}

function protocolOf(tags: ReadonlyMap<string, string>): string {
  if (!tags.has('response_code')) return 'tcp';
  return tags.get('grpc_response_status') || tags.has(combinedTags.messages) ? 'grpc' : 'http';
}

function workloadLabels(side: 'source' | 'destination', facts: WorkloadFacts): [string, string][] {
  return [
    [`${side}_workload`, facts.workload],
    [`${side}_workload_namespace`, facts.namespace],
    [`${side}_app`, facts.app],
    [`${side}_version`, facts.version],
    [`${side}_canonical_service`, facts.canonicalName],
    [`${side}_canonical_revision`, facts.canonicalRevision],
    [`${side}_cluster`, facts.cluster],
  ];
}

/**
 * The peer's own word, unless its certificate speaks against it: a workload can't count as one of another namespace. Without a
 * word, the certificate at least says which namespace it was.
 */
function sourceOf(tags: ReadonlyMap<string, string>): WorkloadFacts {
  const facts = parseFacts(tags.get(combinedTags.source) ?? '');
  const certified = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(tags.get('source_principal') ?? '')?.[1];
  return certified === undefined || certified === facts.namespace ? facts : { ...noFacts, namespace: certified };
}

function serviceOf(tags: ReadonlyMap<string, string>): ServiceName {
  const [host = '', name = '', namespace = ''] = (tags.get(combinedTags.service) ?? '').split(';');
  return { host: host || unknown, name: name || host || unknown, namespace: namespace || unknown };
}

function destinationOf(tags: ReadonlyMap<string, string>): { service: ServiceName; facts: WorkloadFacts } {
  const [cluster = '', service = '', workload = '', extra = ''] = (tags.get(combinedTags.destination) ?? '').split('~');
  return { service: clusterService(cluster, service), facts: parseFacts(workload, extra) };
}

/** Of `outbound|9080|v1|reviews.default.svc.cluster.local`; `service` is `NAME;NAMESPACE` where the host does not tell them. */
function clusterService(cluster: string, service: string): ServiceName {
  if (cluster === '' || cluster === '-') return { host: unknown, name: unknown, namespace: unknown };
  const host = cluster.split('|')[3];
  // Traffic for no service of the registry: Istio calls it by the cluster it goes through.
  if (host === undefined) return { host: unknown, name: cluster, namespace: unknown };
  const told = service.includes(';') ? service.split(';') : namesInHost(host);
  return { host, name: told?.[0] || host, namespace: told?.[1] || unknown };
}

/** Name and namespace of a Kubernetes service's host; undefined for hosts of other forms. */
export function namesInHost(host: string): readonly [string, string] | undefined {
  const [name, namespace, svc] = host.split('.');
  return name && namespace && svc === 'svc' ? [name, namespace] : undefined;
}
