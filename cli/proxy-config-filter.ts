// Which of a proxy's xDS resources `proxy-config` shows: the filters of `istioctl proxy-config`, with their meaning.
import { at, list, type Message, record, text } from './json-message.ts';

/** What a proxy holds, in proto3 JSON. */
export interface ProxyResources {
  readonly listeners: readonly Message[];
  readonly routes: readonly Message[];
  readonly clusters: readonly Message[];
  readonly endpoints: readonly Message[];
}

/**
 * What has to hold of what is shown; a filter says nothing of lists that it is not for (istio.io/latest/docs/reference/commands/istioctl).
 */
export interface ProxyConfigFilter {
  /** The resource's whole name, of every list. */
  readonly name?: string;
  /** Clusters: part of the name's host. */
  readonly fqdn?: string;
  /** Clusters: `inbound` or `outbound`. */
  readonly direction?: string;
  /** Clusters: part of the name's subset. */
  readonly subset?: string;
  /** Clusters by their service's port, listeners and endpoints by the port of their address. */
  readonly port?: number;
  /** Listeners and endpoints: the IP address or path of a socket. */
  readonly address?: string;
  /** Listeners: `HTTP`, `TCP`, `HTTP+TCP` or `UNKNOWN`. */
  readonly type?: string;
  /** Endpoints: the cluster they belong to. */
  readonly cluster?: string;
  /** Endpoints: Envoy's HealthStatus, such as `HEALTHY`. */
  readonly status?: string;
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** The resources that `filter` lets through. */
export function filterProxyResources(resources: ProxyResources, filter: ProxyConfigFilter): ProxyResources {
  const named = (items: readonly Message[]) =>
    filter.name === undefined ? items : items.filter((item) => (item.name ?? item.clusterName) === filter.name);
  return {
    listeners: named(resources.listeners).filter((listener) => showsListener(listener, filter)),
    routes: named(resources.routes),
    clusters: named(resources.clusters).filter((cluster) => showsCluster(text(cluster.name), filter)),
    endpoints: named(resources.endpoints).flatMap((assignment) => filteredAssignment(assignment, filter)),
  };
}

function showsCluster(name: string, { fqdn, direction, subset, port }: ProxyConfigFilter): boolean {
  const parts = name.split('|');
  const [ownDirection = '', ownPort = '', ownSubset = '', host = ''] = parts.length === 4 ? parts : ['', '', '', name];
  return (
    (fqdn === undefined || host.includes(fqdn)) &&
    (direction === undefined || same(ownDirection, direction)) &&
    (subset === undefined || ownSubset.includes(subset)) &&
    (port === undefined || ownPort === String(port))
  );
}

function showsListener(listener: Message, { address, port, type }: ProxyConfigFilter): boolean {
  const addresses = [listener.address, ...list(listener.additionalAddresses).map((more) => more.address)];
  return (
    (address === undefined || addresses.some((own) => same(hostOf(own), address))) &&
    (port === undefined || portOf(listener.address) === String(port)) &&
    (type === undefined || same(listenerType(listener), type))
  );
}

/** Istio's word for what a listener's filter chains serve; bytes that go to the black hole are not served. */
export function listenerType(listener: Message): 'HTTP' | 'TCP' | 'HTTP+TCP' | 'UNKNOWN' {
  const chains = [...list(listener.filterChains), record(listener.defaultFilterChain)];
  const configs = chains.flatMap((chain) => list(chain.filters)).map((filter) => record(filter.typedConfig));
  const isHttp = configs.some((config) => text(config['@type']).endsWith('.HttpConnectionManager'));
  const isTcp = configs.some(
    (config) => text(config['@type']).endsWith('.TcpProxy') && text(config.cluster) !== 'BlackHoleCluster',
  );
  if (isHttp) return isTcp ? 'HTTP+TCP' : 'HTTP';
  return isTcp ? 'TCP' : 'UNKNOWN';
}

function filteredAssignment(assignment: Message, filter: ProxyConfigFilter): readonly Message[] {
  if (filter.cluster !== undefined && !same(text(assignment.clusterName), filter.cluster)) return [];
  if (filter.address === undefined && filter.port === undefined && filter.status === undefined) return [assignment];
  const endpoints = list(assignment.endpoints)
    .map((locality) => ({
      ...locality,
      lbEndpoints: list(locality.lbEndpoints).filter((entry) => showsEndpoint(entry, filter)),
    }))
    .filter(({ lbEndpoints }) => lbEndpoints.length > 0);
  return endpoints.length === 0 ? [] : [{ ...assignment, endpoints }];
}

function showsEndpoint(entry: Message, { address, port, status }: ProxyConfigFilter): boolean {
  const own = at(entry, 'endpoint', 'address');
  return (
    (address === undefined || same(hostOf(own), address)) &&
    (port === undefined || portOf(own) === String(port)) &&
    (status === undefined || same(text(entry.healthStatus) || 'HEALTHY', status))
  );
}

const hostOf = (address: unknown) => text(at(address, 'socketAddress', 'address')) || text(at(address, 'pipe', 'path'));
const portOf = (address: unknown) => text(at(address, 'socketAddress', 'portValue'));
