// Gateway resources that select a proxy, merged into the ports it listens on and the servers on each.
import type { ConfigResource } from '../../../../events/model.ts';
import type { GatewaySpec, Server } from '../../../../mesh/config/schemas/gateway.ts';
import type { ServiceInstance } from '../../../../mesh/snapshot.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isHttp, type ListenerPortProtocol, parsePortProtocol } from '../routes/protocol.ts';
import { isSubset } from '../routes/route-match.ts';

/** A Gateway resource. */
export type Gateway = ConfigResource<GatewaySpec>;

/** One server of one Gateway, at the port it is really on. */
export interface GatewayServer {
  /** Hosts have `./` spelled out, and no `*` for a namespace. */
  readonly server: Server;
  /** `namespace/name`: VirtualServices bind to it. */
  readonly gateway: string;
  readonly protocol: ListenerPortProtocol;
  /** Route configuration of its requests; '' when it forwards bytes. */
  readonly routeName: string;
  /** Names that clients may ask for by SNI; empty for any. */
  readonly sniHosts: readonly string[];
}

/** One listener's port. */
export interface GatewayPort {
  readonly port: number;
  /** '' for every address. */
  readonly bind: string;
  /** The plain HTTP servers share one route configuration, and so one chain: that of connections without TLS. */
  readonly servers: readonly GatewayServer[];
}

/** See the file's first line. */
export interface MergedGateways {
  readonly ports: readonly GatewayPort[];
  readonly serversByRoute: ReadonlyMap<string, readonly GatewayServer[]>;
}

/** Opts a service out of the mapping of its ports to target ports. */
const disableTranslationLabel = 'experimental.istio.io/disable-gateway-port-translation';

/** The same object for the same Gateways and ports of the proxy's services. */
export function mergedGateways({ scope, memo }: Lookups): MergedGateways {
  const all = scope.snapshot.config.list<GatewaySpec>('Gateway');
  const { labels } = scope.context;
  const selected = all.filter(({ spec }) => isSubset(spec.selector ?? {}, labels));
  const targets = targetPorts(scope.instances);
  const ports = [...targets].map(([port, target]) => `${port}:${target}`).join();
  return memo.get('merged-gateways', [...selected, memo, ports], () => mergeGateways(selected, targets));
}

/** Whether a Gateway has the proxy pass on mutual TLS to the cluster that the SNI names. */
export function passesMeshTls({ snapshot, context }: Lookups['scope']): boolean {
  if (context.type !== 'router') return false;
  return snapshot.config
    .list<GatewaySpec>('Gateway')
    .some(
      ({ spec }) =>
        isSubset(spec.selector ?? {}, context.labels) &&
        spec.servers?.some(({ tls }) => tls?.mode === 'AUTO_PASSTHROUGH'),
    );
}

/** The ports that Gateways name, by the port that the proxy listens on instead. */
export function gatewayPorts(lookups: Lookups): ReadonlyMap<number, ReadonlySet<number>> {
  const merged = mergedGateways(lookups);
  return lookups.memo.get('gateway-ports', [merged], () => {
    const named = new Map<number, Set<number>>();
    for (const { port, servers } of merged.ports) {
      const known = named.get(port) ?? new Set();
      for (const { server } of servers) known.add(server.port.number);
      named.set(port, known);
    }
    return named;
  });
}

/** Port that a gateway's service port leads to; the first service's where several have one. */
function targetPorts(instances: readonly ServiceInstance[]): ReadonlyMap<number, number> {
  const targets = new Map<number, number>();
  for (const { service, endpoint } of instances) {
    if (disableTranslationLabel in service.labels) continue;
    for (const { name, port } of service.ports) {
      const target = endpoint.ports[name];
      if (target !== undefined && !targets.has(port)) targets.set(port, target);
    }
  }
  return targets;
}

interface MutablePort extends Omit<GatewayPort, 'servers'> {
  readonly servers: GatewayServer[];
}

/** Older Gateways come first: a server that contradicts what is on its port already is left out. */
export function mergeGateways(gateways: readonly Gateway[], targets: ReadonlyMap<number, number>): MergedGateways {
  const ports = new Map<string, MutablePort>();
  const serversByRoute = new Map<string, GatewayServer[]>();
  const sniTaken = new Set<string>();
  for (const gateway of gateways) {
    for (const server of gateway.spec.servers ?? []) {
      const port = targets.get(server.port.number) ?? server.port.number;
      const placed = placeServer(gateway, server, port);
      if (addServer(placed, port, ports, sniTaken, serversByRoute) && placed.routeName !== '') {
        const servers = serversByRoute.get(placed.routeName) ?? [];
        serversByRoute.set(placed.routeName, [...servers, placed]);
      }
    }
  }
  return { ports: [...ports.values()], serversByRoute };
}

function placeServer(gateway: Gateway, server: Server, port: number): GatewayServer {
  const protocol = parsePortProtocol(server.port.protocol);
  const hosts = server.hosts.map((host) => hostIn(host, gateway.namespace));
  return {
    server: { ...server, hosts },
    gateway: `${gateway.namespace}/${gateway.name}`,
    protocol,
    routeName: routeNameOf(gateway, server, protocol, port),
    sniHosts: server.tls && !isHttp(protocol) ? sniHostsOf(hosts) : [],
  };
}

/** `./host` is for the Gateway's own namespace; a host with `*` for its namespace is for all, as one without is. */
function hostIn(host: string, namespace: string): string {
  if (host.startsWith('./')) return `${namespace}${host.slice(1)}`;
  return host.startsWith('*/') ? host.slice('*/'.length) : host;
}

/** `http.8080`, or `https.443.NAME.GATEWAY.NAMESPACE` where TLS ends here; '' for bytes. */
function routeNameOf(gateway: Gateway, server: Server, protocol: ListenerPortProtocol, port: number): string {
  const bind = server.bind ? `.${server.bind}` : '';
  if (isHttp(protocol)) return `http.${port}${bind}`;
  if (protocol !== 'HTTPS' || server.tls === undefined || isPassthrough(server)) return '';
  return `https.${server.port.number}.${server.port.name}.${gateway.name}.${gateway.namespace}${bind}`;
}

/** TLS that is not ended here; PASSTHROUGH is what a `tls` without a mode means. */
export function isPassthrough({ tls }: Server): boolean {
  if (tls === undefined) return false;
  return tls.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
}

function sniHostsOf(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map((host) => host.slice(host.indexOf('/') + 1)))].sort();
}

/** What servers on one port have to agree on: those that end or pass TLS are told apart by SNI, plain HTTP ones by their routes. */
function kindOf({ server, protocol }: GatewayServer): 'http' | 'tls' | 'bytes' {
  if (isHttp(protocol)) return 'http';
  return server.tls === undefined ? 'bytes' : 'tls';
}

/**
 * False when the server has no place on its port, as in Istio: beside plain HTTP only plain HTTP has, beside bytes nothing, and
 * beside TLS what has other names or is plain, which then gets the connections without TLS.
 */
function addServer(
  placed: GatewayServer,
  port: number,
  ports: Map<string, MutablePort>,
  sniTaken: Set<string>,
  serversByRoute: ReadonlyMap<string, readonly GatewayServer[]>,
): boolean {
  const { server, routeName } = placed;
  const bind = server.bind ?? '';
  const key = `${bind} ${port}`;
  const kind = kindOf(placed);
  const existing = ports.get(key);
  const plain = existing?.servers.map(kindOf).find((other) => other !== 'tls');
  if (plain !== undefined && !(plain === 'http' && kind === 'http')) return false;
  if (kind === 'tls') {
    // Two chains for one name would be one too many for Envoy.
    if (server.hosts.some((host) => sniTaken.has(`${key} ${host}`))) return false;
    if (routeName !== '' && serversByRoute.has(routeName)) return false;
    for (const host of server.hosts) sniTaken.add(`${key} ${host}`);
  }
  if (existing) existing.servers.push(placed);
  else ports.set(key, { port, bind, servers: [placed] });
  return true;
}
