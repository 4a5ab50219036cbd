// Chains of an outbound listener that forward bytes: by SNI for TLS ports, by destination range for TCP ports.
import type { Service } from '../../../../events/model.ts';
import type {
  L4MatchAttributes,
  RouteDestination,
  TLSMatchAttributes,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import { type StatNameParts, statPrefix } from '../clusters/stat-name.ts';
import { isLookedUp } from '../dynamic-dns.ts';
import { subsetKey } from '../names.ts';
import type { NamedService } from '../routes/aliases.ts';
import { hostsOverlap } from '../routes/hostname.ts';
import { destinationCluster, destinationRule, findService, type Lookups } from '../routes/lookups.ts';
import { isTls, type ListenerPortProtocol } from '../routes/protocol.ts';
import { meshGateway, type VirtualService } from '../routes/resolve-virtual-service.ts';
import { isSubset } from '../routes/route-match.ts';
import { wildcardAddress, wildcardOf } from './address.ts';
import { type TcpTarget, toCluster } from './tcp-proxy.ts';

/** See the file's first line. */
export interface L4Chain {
  readonly kind: 'l4';
  readonly sniHosts: readonly string[];
  readonly cidrs: readonly string[];
  /** The port's. */
  readonly protocol: ListenerPortProtocol;
  readonly target: TcpTarget;
  /** What it was made from: the service, or the VirtualService whose name its metadata shows. */
  readonly owner: Service | VirtualService;
}

/** A service at a port of a listener. */
export interface L4Place {
  readonly service: NamedService;
  readonly port: number;
  readonly protocol: ListenerPortProtocol;
  readonly bind: string;
  /** Destination ranges where the service's address is a range. */
  readonly cidrs: readonly string[];
  /** VirtualServices with tcp or tls rules, in Istio's order. */
  readonly virtualServices: readonly VirtualService[];
}

/** The chains of one service: its VirtualServices' rules in order, then the service itself. */
export function l4Chains(place: L4Place, lookups: Lookups): L4Chain[] {
  const ofHost = place.virtualServices.filter(({ spec }) =>
    (spec.hosts ?? []).some((host) => hostsOverlap(host.toLowerCase(), place.service.hostname)),
  );
  return isTls(place.protocol) ? tlsChains(place, ofHost, lookups) : tcpChains(place, ofHost, lookups);
}

function tlsChains(place: L4Place, virtualServices: readonly VirtualService[], lookups: Lookups): L4Chain[] {
  const { protocol } = place;
  const chains: L4Chain[] = [];
  const seen = new Set<string>();
  for (const owner of virtualServices) {
    for (const { match: matches, route } of owner.spec.tls ?? []) {
      for (const match of route?.length ? matches : []) {
        const key = `${match.sniHosts.join()}|${(match.destinationSubnets ?? []).join()}`;
        if (seen.has(key) || !appliesToProxy(match, place.port, lookups)) continue;
        seen.add(key);
        const cidrs = place.port > 0 && match.destinationSubnets?.length ? match.destinationSubnets : place.cidrs;
        const target = routeTarget(route ?? [], owner, place.port, lookups);
        chains.push({ kind: 'l4', sniHosts: match.sniHosts, cidrs, protocol, target, owner });
      }
    }
  }
  return chains.length > 0
    ? chains
    : [serviceChain(place, defaultSniHosts(place, wildcardOf(lookups.scope.context)), lookups)];
}

/** SNI tells services apart where their address does not: a range, or no address of its own. */
function defaultSniHosts({ service, bind, cidrs }: L4Place, wildcard: string): readonly string[] {
  const address = service.addresses[0] ?? wildcardAddress;
  const isShared = address === wildcardAddress && bind === wildcard;
  return cidrs.length > 0 || isShared || isLookedUp(service) ? [service.hostname, ...(service.aliases ?? [])] : [];
}

function tcpChains(place: L4Place, virtualServices: readonly VirtualService[], lookups: Lookups): L4Chain[] {
  const { protocol } = place;
  const chains: L4Chain[] = [];
  for (const owner of virtualServices) {
    for (const { match: matches, route } of owner.spec.tcp ?? []) {
      if (!route?.length) continue;
      const target = () => routeTarget(route, owner, place.port, lookups);
      const applying = (matches ?? []).filter((match) => appliesToProxy(match, place.port, lookups));
      const takesAll = applying.some((match) => !match.destinationSubnets?.length || place.port === 0);
      if (!matches?.length || takesAll) {
        chains.push({ kind: 'l4', sniHosts: [], cidrs: place.cidrs, protocol, target: target(), owner });
        return chains;
      }
      const cidrs = applying.flatMap(({ destinationSubnets }) => destinationSubnets ?? []);
      if (cidrs.length > 0) chains.push({ kind: 'l4', sniHosts: [], cidrs, protocol, target: target(), owner });
      // Envoy rejects two chains with one match: the service's own is then unreachable anyway.
      if (cidrs.length > 0 && sameItems(cidrs, place.cidrs)) return chains;
    }
  }
  return [...chains, serviceChain(place, [], lookups)];
}

/** Static parts of a match: gateway, labels, port, namespace. */
function appliesToProxy(match: L4MatchAttributes | TLSMatchAttributes, port: number, { scope }: Lookups): boolean {
  const { labels, namespace } = scope.context;
  return (
    (!match.gateways?.length || match.gateways.includes(meshGateway)) &&
    isSubset(match.sourceLabels ?? {}, labels) &&
    (!match.port || match.port === port) &&
    (!match.sourceNamespace || match.sourceNamespace === namespace)
  );
}

/** The service itself: at its only port if it has one, else at the listener's. */
function serviceChain(place: L4Place, sniHosts: readonly string[], lookups: Lookups): L4Chain {
  const { service, cidrs, protocol } = place;
  const only = service.ports.length === 1 ? service.ports[0]?.port : undefined;
  const cluster = subsetKey('outbound', only ?? place.port, '', service.hostname);
  const port = { name: '', port: only ?? place.port };
  const named = { statPrefix: statPrefixOf(cluster, { service, port, subset: '' }, lookups) };
  const target = { ...toCluster(cluster), ...named, rule: destinationRule(service, lookups) };
  return { kind: 'l4', sniHosts, cidrs, protocol, target, owner: service };
}

/** Where a rule's destinations are: one cluster, or several by weight under the VirtualService's name. */
export function routeTarget(
  destinations: readonly RouteDestination[],
  owner: VirtualService,
  port: number,
  lookups: Lookups,
): TcpTarget {
  const first = destinations[0]?.destination;
  const rule = destinationRule(first && findService(first.host, lookups), lookups);
  const clusters = destinations
    .filter(({ weight }) => destinations.length === 1 || (weight ?? 0) > 0)
    .map(({ destination, weight }) => ({
      name: destinationCluster(destination, findService(destination.host, lookups), port),
      weight: weight ?? 0,
    }));
  if (destinations.length === 1 && first) {
    const { host, subset = '' } = first;
    const service = findService(host, lookups);
    const name = service?.ports.find((one) => one.port === port)?.name ?? '';
    const named = statPrefixOf(clusters[0]?.name ?? '', { service, port: { name, port }, subset }, lookups);
    return { statPrefix: named, clusters, subset, rule };
  }
  return { statPrefix: `${owner.name}.${owner.namespace}`, clusters, subset: '', rule };
}

/** The cluster's name, or what the mesh calls outbound clusters' statistics. */
export function statPrefixOf(
  cluster: string,
  { service, port, subset }: Omit<StatNameParts, 'service' | 'targetPort'> & { readonly service: Service | undefined },
  { scope }: Lookups,
): string {
  const pattern = scope.snapshot.mesh.outboundClusterStatName;
  return pattern && service ? statPrefix(pattern, { service, port, subset, targetPort: 0 }) : cluster;
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join();
}
