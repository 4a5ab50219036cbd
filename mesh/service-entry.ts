// Services and endpoints that a ServiceEntry stands for (istio.io/latest/docs/reference/config/networking/service-entry); memoised by object.
import { isIP } from 'node:net';
import type { ConfigResource, Endpoint, Service, ServicePort, Workload } from '../events/model.ts';
import type { ServiceEntrySpec } from './config/schemas/service-entry.ts';
import type { WorkloadEntrySpec } from './config/schemas/workload-entry.ts';
import { parseProtocol } from './protocol.ts';
import { trafficDistributionOf } from './traffic-distribution.ts';

/** A ServiceEntry resource. */
export type ServiceEntry = ConfigResource<ServiceEntrySpec>;
/** A WorkloadEntry resource. */
export type WorkloadEntry = ConfigResource<WorkloadEntrySpec>;
type Labels = Readonly<Record<string, string>>;

/** The `platform` of what comes from configuration. */
export const serviceEntryPlatform = 'service-entry';

const servicesMemo = new WeakMap<ServiceEntry, readonly Service[]>();
const inlineMemo = new WeakMap<ServiceEntry, ReadonlyMap<string, readonly Endpoint[]>>();
const selectedMemo = new WeakMap<object, WeakMap<object, readonly Endpoint[]>>();

/** One service for each host, in order of the hosts. The same array for the same entry. */
export function servicesOfServiceEntry(entry: ServiceEntry): readonly Service[] {
  return remember(servicesMemo, entry, () => hostsOf(entry).map((hostname) => serviceOfHost(entry, hostname)));
}

/** The endpoints listed in the entry itself for one of its hosts; DNS without any and without a selector resolves the host. */
export function inlineEndpoints(entry: ServiceEntry, hostname: string): readonly Endpoint[] {
  const byHost = remember(
    inlineMemo,
    entry,
    () => new Map(hostsOf(entry).map((host) => [host, listedEndpoints(entry, host)])),
  );
  return byHost.get(hostname) ?? [];
}

/** Says that a WorkloadEntry's health is reported by its agent (Istio's annotation). */
export const healthCheckAnnotation = 'proxy.istio.io/health-checks-enabled';

/** Labels that select the entry's workloads; undefined when it has no selector (an empty one selects nothing). */
export function selectorOf(entry: ServiceEntry): Labels | undefined {
  return selectorFrom(entry.spec.workloadSelector?.labels);
}

/** A WorkloadEntry's labels: the spec's, overridden by the resource's own. */
export function labelsOfWorkloadEntry(entry: WorkloadEntry): Labels {
  return entry.labels ? { ...entry.spec.labels, ...entry.labels } : (entry.spec.labels ?? {});
}

/** Whether `labels` has everything that `selector` asks for. */
export function selects(selector: Labels, labels: Labels): boolean {
  for (const name in selector) if (labels[name] !== selector[name]) return false;
  return true;
}

/** The endpoints, one for each of the ServiceEntry's hosts, that a WorkloadEntry selected by it is. */
export function endpointsOfWorkloadEntry(entry: ServiceEntry, workload: WorkloadEntry): readonly Endpoint[] {
  // A WorkloadEntry that is a DNS name or a socket can only stand behind a service that resolves names (istiod's DNSServiceEntryOnly).
  if (!isIpAddress(workload.spec.address ?? '') && !resolvesNames(entry)) return [];
  return rememberPair(entry, workload, () =>
    hostsOf(entry).flatMap((hostname) =>
      endpointAt(
        entry,
        hostname,
        { ...workload.spec, labels: labelsOfWorkloadEntry(workload) },
        workload.name,
        workload.name,
      ).map((endpoint) => awaitingHealth(endpoint, workload)),
    ),
  );
}

/** As in Istio, a workload whose agent probes it is unwell until its agent says that it is well. */
function awaitingHealth(endpoint: Endpoint, { annotations }: WorkloadEntry): Endpoint {
  return annotations?.[healthCheckAnnotation] === 'true' ? { ...endpoint, health: 'unhealthy' } : endpoint;
}

/** The endpoints, one for each of the ServiceEntry's hosts, that a platform's workload (a pod) selected by it is. */
export function endpointsOfWorkload(entry: ServiceEntry, workload: Workload): readonly Endpoint[] {
  return rememberPair(entry, workload, () => {
    const { addresses, ports, labels, locality, network, serviceAccount, name, platform, health, clusterId } = workload;
    const at = { address: addresses[0] ?? '', ports, labels, locality, network, serviceAccount } as WorkloadEntrySpec;
    return hostsOf(entry)
      .flatMap((hostname) => endpointAt(entry, hostname, at, `${platform}/${name}`, name))
      .map((endpoint) => ({ ...endpoint, health, ...(clusterId && { clusterId }) }));
  });
}

/**
 * The endpoint that a WorkloadEntry is of a platform's service whose selector matches it: at the port that it has under the name
 * of the service's target port (without it not at all), else under the name of the port itself, else at the target port. None
 * where its address is no IP address.
 */
export function endpointsOfSelectedEntry(service: Service, workload: WorkloadEntry): readonly Endpoint[] {
  const { spec } = workload;
  if (!isIpAddress(spec.address ?? '') || !(spec.address || spec.network)) return [];
  return rememberPair(service, workload, () => {
    const ports: Record<string, number> = {};
    for (const { name, port, targetPort } of service.ports) {
      const isNamed = typeof targetPort === 'string';
      const target = isNamed ? spec.ports?.[targetPort] : spec.ports?.[name] || targetPort || port;
      if (target) ports[name] = target;
    }
    if (service.ports.length > 0 && Object.keys(ports).length === 0) return [];
    const of = { hostname: service.hostname, namespace: service.namespace, ports };
    const at = { ...spec, labels: labelsOfWorkloadEntry(workload) };
    return [awaitingHealth(makeEndpoint(of, at, workload.name, workload.name), workload)];
  });
}

/**
 * One service of several that ServiceEntries of one namespace declare for one host: the first, with the further ports of those
 * that resolve the same way, as Istio merges them. `services` are in Istio's order of their resources.
 */
export function mergeServices(services: readonly Service[]): Service | undefined {
  const [oldest, ...others] = services;
  if (!oldest || others.length === 0) return oldest;
  const ports: ServicePort[] = [...oldest.ports];
  for (const other of others) {
    if (other.resolution !== oldest.resolution) continue;
    for (const port of other.ports) {
      if (!ports.some((known) => known.port === port.port || known.name === port.name)) ports.push(port);
    }
  }
  return ports.length === oldest.ports.length ? oldest : { ...oldest, ports };
}

/** One endpoint for each id: entries that share a host and select one workload make one instance, with the ports of all; the first's win. */
export function mergeEndpoints(endpoints: readonly Endpoint[]): Endpoint[] {
  if (endpoints.length < 2) return [...endpoints];
  const byId = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const first = byId.get(endpoint.id);
    const [merged = endpoint] = first ? rememberPair(first, endpoint, () => [withPortsOf(first, endpoint)]) : [];
    byId.set(endpoint.id, merged);
  }
  return [...byId.values()];
}

function withPortsOf(first: Endpoint, other: Endpoint): Endpoint {
  return { ...first, ports: { ...other.ports, ...first.ports } };
}

function hostsOf(entry: ServiceEntry): readonly string[] {
  return [...new Set(entry.spec.hosts.map((host) => host.toLowerCase()))];
}

function resolvesNames(entry: ServiceEntry): boolean {
  return entry.spec.resolution === 'DNS' || entry.spec.resolution === 'DNS_ROUND_ROBIN';
}

/** Whether it is no DNS name and no socket; '' is the address of a workload that is reached by its network's gateway. */
function isIpAddress(address: string): boolean {
  return /^[0-9.]*$/.test(address) || (address.includes(':') && !address.startsWith('unix://'));
}

function selectorFrom(labels: Labels | undefined): Labels | undefined {
  return labels && Object.keys(labels).length > 0 ? labels : undefined;
}

/** A range of one address is that address: it gets a listener of its own, as in Istio. */
function singleAddress(address: string): string {
  const [host = '', bits] = address.split('/');
  return bits === (isIP(host) === 6 ? '128' : '32') ? host : address;
}

function serviceOfHost(entry: ServiceEntry, hostname: string): Service {
  const { spec } = entry;
  const selector = selectorOf(entry);
  const trafficDistribution = trafficDistributionOf(undefined, entry.annotations);
  return {
    hostname,
    name: hostname,
    namespace: entry.namespace,
    platform: serviceEntryPlatform,
    addresses: (spec.addresses ?? []).map(singleAddress),
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name,
      port: port.number,
      protocol: parseProtocol(port.protocol ?? ''),
      ...(port.targetPort && port.targetPort !== port.number && { targetPort: port.targetPort }),
    })),
    labels: entry.labels ?? {},
    ...(entry.annotations && { annotations: entry.annotations }),
    ...(selector && { selector }),
    ...(spec.exportTo?.length && { exportTo: spec.exportTo }),
    ...(trafficDistribution && { trafficDistribution }),
    resolution: spec.resolution ?? 'NONE',
    location: spec.location ?? 'MESH_EXTERNAL',
    ...(spec.subjectAltNames?.length && { subjectAltNames: spec.subjectAltNames }),
    ...(entry.createdAt && { createdAt: entry.createdAt }),
  };
}

function listedEndpoints(entry: ServiceEntry, hostname: string): readonly Endpoint[] {
  const listed = entry.spec.endpoints ?? [];
  if (listed.length === 0 && resolvesNames(entry) && !entry.spec.workloadSelector) {
    return endpointAt(entry, hostname, { address: hostname }, `${entry.name}~${hostname}`);
  }
  const seen = new Map<string, number>();
  return listed.flatMap((at) => {
    const address = at.address ?? '';
    const count = (seen.get(address) ?? 0) + 1;
    seen.set(address, count);
    return endpointAt(entry, hostname, at, `${entry.name}~${address}${count > 1 ? `~${count}` : ''}`);
  });
}

function endpointAt(
  entry: ServiceEntry,
  hostname: string,
  at: WorkloadEntrySpec,
  id: string,
  workload?: string,
): readonly Endpoint[] {
  if (!at.address && !at.network) return [];
  const unix = at.address?.startsWith('unix://') ?? false;
  const ports: Record<string, number> = {};
  for (const port of entry.spec.ports ?? []) {
    ports[port.name] = unix ? 0 : (at.ports?.[port.name] ?? (port.targetPort || port.number));
  }
  return [makeEndpoint({ hostname, namespace: entry.namespace, ports }, at, id, workload)];
}

function makeEndpoint(
  of: Pick<Endpoint, 'hostname' | 'namespace' | 'ports'>,
  at: WorkloadEntrySpec,
  id: string,
  workload: string | undefined,
): Endpoint {
  const labels = at.labels ?? {};
  const locality = at.locality || localityFromLabel(labels);
  const network = at.network || labels['topology.istio.io/network'];
  return {
    id,
    ...of,
    platform: serviceEntryPlatform,
    address: at.address ?? '',
    labels,
    health: 'healthy',
    ...(at.weight && { weight: at.weight }),
    ...(locality && { locality }),
    ...(network && { network }),
    ...(at.serviceAccount && { serviceAccount: at.serviceAccount }),
    ...(workload && { workload }),
  };
}

/** The locality that the label `topology.istio.io/locality` or, as it was called, `istio-locality` gives: dots stand for slashes, which labels can't have. */
export function localityFromLabel(labels: Labels): string | undefined {
  const label = labels['topology.istio.io/locality'] ?? labels['istio-locality'];
  return label?.includes('/') ? label : label?.replaceAll('.', '/');
}

function remember<K extends object, V>(memo: WeakMap<K, V>, key: K, make: () => V): V {
  let value = memo.get(key);
  if (value === undefined) memo.set(key, (value = make()));
  return value;
}

function rememberPair(first: object, second: object, make: () => readonly Endpoint[]): readonly Endpoint[] {
  const inner = remember(selectedMemo, first, () => new WeakMap<object, readonly Endpoint[]>());
  return remember(inner, second, make);
}
