// Consul's instances of one service as services, endpoints and workloads of the mesh. README.md lists the rules.
import type { Endpoint, Health, Protocol, Service, ServicePort } from '../../events/model.ts';
import { compareStrings } from '../../mesh/compare.ts';
import { parseProtocol } from '../../mesh/protocol.ts';
import type { Observed } from '../adapter.ts';
import { commonLabels, workloadAt } from '../named-services.ts';
import type { ConsulEntry } from './consul-types.ts';

/** The `platform` of what Consul shows. */
export const consulPlatform = 'consul';

/** How Consul's names and places map to the mesh's. */
export interface ConsulMapping {
  /** Hostname with NAME, NS and DC replaced: `NAME.service.consul`, `NAME.NS.svc.cluster.local`. */
  readonly hostname: string;
}

/** Consul's own DNS name, without its datacenter: a service of several datacenters is one service. */
export const defaultMapping: ConsulMapping = { hostname: 'NAME.service.consul' };

type Labels = Readonly<Record<string, string>>;

/** Registered by Consul itself, for its servers' RPC. */
const ownService = 'consul';

/**
 * What the instances of one service are in the mesh: a service in each of their namespaces, an endpoint and a workload for each of them. Proxies
 * (sidecars and gateways of Consul's own mesh) and Consul's own service are not shown. A problem names what can't be: the name is no DNS name.
 */
export function translateEntries(
  entries: readonly ConsulEntry[],
  mapping: ConsulMapping = defaultMapping,
): { readonly items: readonly Observed[]; readonly problem?: string } {
  const byNamespace = new Map<string, ConsulEntry[]>();
  for (const entry of [...entries].sort(byAge)) {
    if (isHidden(entry)) continue;
    const namespace = namespaceOf(entry);
    const list = byNamespace.get(namespace);
    if (list) list.push(entry);
    else byNamespace.set(namespace, [entry]);
  }
  const items: Observed[] = [];
  for (const [namespace, group] of [...byNamespace].sort(([a], [b]) => compareStrings(a, b))) {
    const first = group[0];
    if (!first) continue;
    const service = serviceOf(first, group, { namespace, mapping });
    if (!isDnsName(service.hostname))
      return { items: [], problem: `"${service.hostname}" is no DNS name: rename the service, or map its name` };
    items.push({ kind: 'service', value: service });
    for (const entry of group) {
      const endpoint = endpointOf(entry, service);
      items.push({ kind: 'endpoint', value: endpoint }, { kind: 'workload', value: workloadAt(endpoint) });
    }
  }
  return { items };
}

/** Consul's proxies are called by Consul's own clients only; what has no port can't be called at all. */
function isHidden({ Service }: ConsulEntry): boolean {
  return (Service.Kind ?? '') !== '' || Service.Service === ownService || Service.Port < 1;
}

function serviceOf(
  first: ConsulEntry,
  entries: readonly ConsulEntry[],
  { namespace, mapping }: { readonly namespace: string; readonly mapping: ConsulMapping },
): Service {
  const name = first.Service.Service.toLowerCase();
  const datacenter = first.Node.Datacenter ?? '';
  const virtual = entries.flatMap(({ Service }) => Service.TaggedAddresses?.['consul-virtual']?.Address || []);
  const labels = commonLabels(entries.map(labelsOf));
  return {
    hostname: mapping.hostname
      .replace(/\b(NAME|NS|DC)\b/g, (part) => ({ NAME: name, NS: namespace, DC: datacenter })[part] ?? '')
      .toLowerCase(),
    name,
    namespace,
    platform: consulPlatform,
    ...(datacenter && { clusterId: datacenter }),
    addresses: [...new Set(virtual)].sort(),
    ports: [portOf(first)],
    labels,
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
  };
}

function endpointOf(entry: ConsulEntry, service: Service): Endpoint {
  const { Node, Service } = entry;
  const { hostname, namespace, platform, clusterId } = service;
  const { health, weight } = stateOf(entry);
  const meta = Service.Meta ?? {};
  const locality = localityOf(entry);
  return {
    id: `${Node.Node}/${Service.ID}`,
    hostname,
    namespace,
    platform,
    ...(clusterId && { clusterId }),
    address: Service.Address || Node.Address,
    ports: Object.fromEntries(service.ports.map(({ name }) => [name, Service.Port])),
    labels: labelsOf(entry),
    health,
    ...(weight > 1 && { weight }),
    ...(locality && { locality }),
    ...(meta.network && { network: meta.network }),
    ...(meta['service-account'] && { serviceAccount: meta['service-account'] }),
    workload: `${Node.Node}/${Service.ID}`,
  };
}

/** The oldest instance decides, so that the port stays while others come and go. */
function portOf(first: ConsulEntry): ServicePort {
  const meta = first.Service.Meta ?? {};
  const declared = Number(meta['service-port']);
  const { name, protocol } = protocolOf(labelsOf(first), first.Service.Tags ?? [], meta['port-name']);
  const port = Number.isInteger(declared) && declared > 0 && declared < 65_536 ? declared : first.Service.Port;
  return { name, port, protocol };
}

/** By meta or tag `protocol=…`, else by the port's name up to its first dash, else by a tag that is a protocol's name. */
function protocolOf(
  labels: Labels,
  tags: readonly string[],
  portName: string | undefined,
): { readonly name: string; readonly protocol: Protocol } {
  const candidates = [labels.protocol, portName?.split('-')[0], ...[...tags].sort()];
  for (const candidate of candidates) {
    const protocol = parseProtocol(candidate ?? '');
    if (protocol !== 'Unsupported') return { name: portName ?? protocol.toLowerCase(), protocol };
  }
  return { name: portName ?? 'default', protocol: 'Unsupported' };
}

/** `app: NAME`, then tags (`key=value`, or the bare tag with the value `true`), then meta, which knows best. */
function labelsOf({ Service }: ConsulEntry): Labels {
  const labels: Record<string, string> = { app: Service.Service };
  for (const tag of Service.Tags ?? []) {
    const at = tag.indexOf('=');
    if (at > 0) labels[tag.slice(0, at)] = tag.slice(at + 1);
    else if (at < 0 && tag !== '') labels[tag] = 'true';
  }
  return { ...labels, ...Service.Meta };
}

/** Maintenance mode lets requests in flight finish; else the worst check decides, and the weight is that of the state. */
function stateOf({ Service, Checks }: ConsulEntry): { readonly health: Health; readonly weight: number } {
  const failing = Checks.filter(({ Status }) => Status !== 'passing' && Status !== 'warning');
  const isWarning = Checks.some(({ Status }) => Status === 'warning');
  const weight = (isWarning ? Service.Weights?.Warning : Service.Weights?.Passing) ?? 1;
  if (failing.length > 0) {
    const isMaintenance = failing.every(({ CheckID }) => /^_(node|service)_maintenance/.test(CheckID));
    return { health: isMaintenance ? 'draining' : 'unhealthy', weight };
  }
  return { health: weight > 0 ? 'healthy' : 'draining', weight };
}

/** `region/zone` of the service, else of its node (Consul's own, else by meta); else the datacenter is the region. */
function localityOf({ Node, Service }: ConsulEntry): string {
  for (const { Locality, Meta } of [Service, Node]) {
    const region = Locality?.Region || Meta?.region;
    const zone = Locality?.Zone || Meta?.zone;
    if (region) return zone ? `${region}/${zone}` : region;
  }
  return Node.Datacenter ?? '';
}

/** Consul Enterprise's namespace, else meta `namespace`, else `default`. */
function namespaceOf({ Service }: ConsulEntry): string {
  const namespace = Service.Namespace ?? '';
  return (namespace !== 'default' && namespace) || Service.Meta?.namespace || 'default';
}

function isDnsName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
}

/** Oldest first; Consul lists instances in no promised order. */
function byAge(a: ConsulEntry, b: ConsulEntry): number {
  return (
    (a.Service.CreateIndex ?? 0) - (b.Service.CreateIndex ?? 0) ||
    compareStrings(a.Node.Node, b.Node.Node) ||
    compareStrings(a.Service.ID, b.Service.ID)
  );
}
