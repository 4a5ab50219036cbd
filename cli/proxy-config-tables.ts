// Tables of a proxy's xDS resources (proto3 JSON), with the columns of `istioctl proxy-config`.
import { orDash, type Style, table } from './output.ts';

/** A proto3 JSON message of which we read some fields. */
type Message = Readonly<Record<string, unknown>>;

/** What a proxy holds, in proto3 JSON. */
export interface ProxyResources {
  readonly listeners: readonly Message[];
  readonly routes: readonly Message[];
  readonly clusters: readonly Message[];
  readonly endpoints: readonly Message[];
}

/** The lists that `proxy-config` knows, in the order in which `all` prints them. */
export const resourceLists = ['listeners', 'routes', 'clusters', 'endpoints'] as const;
export type ResourceList = (typeof resourceLists)[number];

const record = (value: unknown): Message => (typeof value === 'object' && value !== null ? (value as Message) : {});
const list = (value: unknown): readonly Message[] => (Array.isArray(value) ? value.map(record) : []);
const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
const at = (message: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, field) => record(value)[field], message);

/** The table of one list. */
export function proxyConfigTable(name: ResourceList, resources: ProxyResources, style: Style): string {
  switch (name) {
    case 'clusters':
      return clustersTable(resources.clusters, style);
    case 'listeners':
      return listenersTable(resources.listeners, style);
    case 'routes':
      return routesTable(resources.routes, style);
    case 'endpoints':
      return endpointsTable(resources.endpoints, style);
    default:
      return name satisfies never;
  }
}

function clustersTable(clusters: readonly Message[], style: Style): string {
  const rows = clusters.map((cluster) => {
    const parts = text(cluster.name).split('|');
    const [direction = '', port = '', subset = '', host = ''] =
      parts.length === 4 ? parts : ['', '', '', text(cluster.name)];
    const type = orDash(text(cluster.type));
    return [orDash(host), orDash(port), orDash(subset), orDash(direction), type, managedBy(cluster)];
  });
  return table(['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'], rows, style);
}

/** `reviews.default`: the resource that shaped a cluster or route, which its metadata names. */
function managedBy(message: Message): string {
  const path = text(at(message, 'metadata', 'filterMetadata', 'istio', 'config'));
  const [, namespace, name] = /^\/apis\/[^/]+\/[^/]+\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path) ?? [];
  return name === undefined ? '' : `${name}.${namespace}`;
}

function socketAddress(address: unknown): readonly [address: string, port: string] {
  const pipe = text(at(address, 'pipe', 'path'));
  if (pipe !== '') return [`unix://${pipe}`, '-'];
  return [text(at(address, 'socketAddress', 'address')), text(at(address, 'socketAddress', 'portValue'))];
}

function listenersTable(listeners: readonly Message[], style: Style): string {
  const rows = listeners.flatMap((listener) => {
    const [address, port] = socketAddress(listener.address);
    const chains = [
      ...list(listener.filterChains),
      ...(listener.defaultFilterChain ? [record(listener.defaultFilterChain)] : []),
    ];
    return chains.map((chain) => [
      orDash(text(listener.name)),
      orDash(address),
      orDash(port),
      chainMatch(chain),
      chainTarget(chain),
    ]);
  });
  return table(['NAME', 'ADDRESS', 'PORT', 'MATCH', 'DESTINATION'], rows, style);
}

function chainMatch(chain: Message): string {
  const match = record(chain.filterChainMatch);
  const prefixes = list(match.prefixRanges).map((range) => `${text(range.addressPrefix)}/${text(range.prefixLen)}`);
  const parts = [
    ['Trans', text(match.transportProtocol)],
    ['App', joined(match.applicationProtocols)],
    ['SNI', joined(match.serverNames)],
    ['Port', text(match.destinationPort)],
    ['Addr', prefixes.join(',')],
  ].filter(([, value]) => value !== '');
  return parts.length === 0 ? 'ALL' : parts.map(([name, value]) => `${name}: ${value}`).join('; ');
}

const joined = (value: unknown) => (Array.isArray(value) ? value.map(text).join(',') : '');

function chainTarget(chain: Message): string {
  for (const filter of list(chain.filters)) {
    const config = record(filter.typedConfig);
    const type = text(config['@type']);
    if (type.endsWith('.HttpConnectionManager')) {
      const route = text(at(config, 'rds', 'routeConfigName'));
      return route === '' ? `Inline route: ${text(at(config, 'routeConfig', 'name'))}` : `Route: ${route}`;
    }
    if (type.endsWith('.TcpProxy')) {
      const weighted = list(at(config, 'weightedClusters', 'clusters')).map((cluster) => text(cluster.name));
      return `Cluster: ${weighted.length === 0 ? text(config.cluster) : weighted.join(',')}`;
    }
  }
  return '-';
}

function routesTable(routes: readonly Message[], style: Style): string {
  const rows = routes.flatMap((route) =>
    list(route.virtualHosts).flatMap((host) =>
      list(host.routes).map((entry) => [
        orDash(text(route.name)),
        orDash(text(host.name)),
        domains(host.domains),
        routeMatch(record(entry.match)),
        routeTarget(entry),
        managedBy(entry),
      ]),
    ),
  );
  return table(['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'DESTINATION', 'VIRTUAL SERVICE'], rows, style);
}

function domains(value: unknown): string {
  const names = Array.isArray(value) ? value.map(text) : [];
  return names.length <= 2 ? names.join(', ') : `${names.slice(0, 2).join(', ')} + ${names.length - 2} more`;
}

function routeMatch(match: Message): string {
  const path =
    text(match.prefix) || text(match.path) || text(match.pathSeparatedPrefix) || text(at(match, 'safeRegex', 'regex'));
  const star = typeof match.path === 'string' ? '' : '*';
  const headers = list(match.headers).map((header) => text(header.name));
  return `${path}${star}${headers.length === 0 ? '' : ` [${headers.join(',')}]`}`;
}

function routeTarget(entry: Message): string {
  if (entry.redirect !== undefined) return 'redirect';
  if (entry.directResponse !== undefined) return `${text(at(entry, 'directResponse', 'status'))} direct response`;
  const weighted = list(at(entry, 'route', 'weightedClusters', 'clusters'));
  if (weighted.length === 0) return orDash(text(at(entry, 'route', 'cluster')));
  return weighted.map((cluster) => `${text(cluster.name)} ${text(cluster.weight) || '0'}`).join(', ');
}

function endpointsTable(assignments: readonly Message[], style: Style): string {
  const rows = assignments.flatMap((assignment) =>
    list(assignment.endpoints).flatMap((locality) =>
      list(locality.lbEndpoints).map((entry) => {
        const [address, port] = socketAddress(at(entry, 'endpoint', 'address'));
        const weight = text(entry.loadBalancingWeight);
        return [
          `${address}:${port}`,
          text(entry.healthStatus) || 'HEALTHY',
          orDash(weight),
          text(assignment.clusterName),
        ];
      }),
    ),
  );
  return table(['ENDPOINT', 'STATUS', 'WEIGHT', 'CLUSTER'], rows, style);
}
