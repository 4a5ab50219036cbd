// Route configurations of a gateway: the hosts that its servers and their VirtualServices have in common.
import {
  type Route,
  VirtualHost_TlsRequirementType,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { compareNames } from '../names.ts';
import { compareSpecificity, hostsForNamespace, intersectHosts } from '../routes/hostname.ts';
import type { Lookups } from '../routes/lookups.ts';
import type { VirtualService } from '../routes/resolve-virtual-service.ts';
import { isCatchAll } from '../routes/route-match.ts';
import {
  type EncodedVirtualHost,
  encodeRouteConfiguration,
  encodeVirtualHost,
  virtualHost,
} from '../routes/virtual-host.ts';
import { virtualServiceRoutes } from '../routes/virtual-service-routes.ts';
import type { EncodedResource } from '../translation.ts';
import { destinationService, virtualServicesOf } from './gateway-virtual-services.ts';
import { type GatewayServer, mergedGateways } from './merge-gateways.ts';

/** The route configurations of all HTTP servers, by name. */
export function gatewayRoutes(lookups: Lookups): readonly EncodedResource[] {
  const { serversByRoute } = mergedGateways(lookups);
  return [...serversByRoute].map(([name, servers]) => gatewayRoute(name, servers, lookups));
}

/** A host while its routes are collected: lists of routes, each one VirtualService's. */
interface Host {
  readonly port: number;
  readonly routes: (readonly Route[])[];
  requiresTls: boolean;
}

function gatewayRoute(name: string, servers: readonly GatewayServer[], lookups: Lookups): EncodedResource {
  const hosts = new Map<string, Host>();
  for (const server of servers) collectHosts(server, hosts, lookups);
  const { memo } = lookups;
  const encoded = hosts.size === 0 ? [blackhole(servers[0]?.server.port.number ?? 0, memo)] : writeHosts(hosts, memo);
  const list = memo.stable(`gateway-route ${name}`, servers, encoded);
  return memo.get('gateway-route', [list, name], () => encodeRouteConfiguration(name, list));
}

function collectHosts(placed: GatewayServer, hosts: Map<string, Host>, lookups: Lookups): void {
  const { server, gateway } = placed;
  const port = server.port.number;
  const requiresTls = server.tls?.httpsRedirect === true;
  const hostAt = (hostname: string): Host => {
    const key = hostname.toLowerCase();
    const known = hosts.get(key) ?? { port, routes: [], requiresTls: false };
    hosts.set(key, known);
    known.requiresTls ||= requiresTls;
    return known;
  };
  for (const virtualService of virtualServicesOf(gateway, lookups)) {
    const served = hostsForNamespace(server.hosts, virtualService.namespace);
    const common = intersectHosts(served, virtualService.spec.hosts ?? []);
    if (common.length === 0) continue;
    const routes = routesOf(virtualService, placed, lookups);
    if (routes.length === 0) continue;
    for (const hostname of common) hostAt(hostname).routes.push(routes);
  }
  // A redirect to HTTPS needs no VirtualService.
  if (requiresTls) for (const host of server.hosts) hostAt(host.slice(host.indexOf('/') + 1));
}

function routesOf(virtualService: VirtualService, { server, gateway }: GatewayServer, lookups: Lookups) {
  const place = {
    port: server.port.number,
    gateway,
    isTls: server.tls !== undefined,
    service: (hostname: string) => destinationService(hostname, virtualService, lookups),
  };
  return virtualServiceRoutes(virtualService, place, lookups);
}

/** Hosts with the same routes become one virtual host, named by the most specific of them; sorted by name. */
function writeHosts(hosts: ReadonlyMap<string, Host>, memo: Lookups['memo']): EncodedVirtualHost[] {
  const groups: { readonly name: string; readonly host: Host; readonly domains: string[] }[] = [];
  const groupOf = new Map<readonly Route[] | undefined, (typeof groups)[number][]>();
  for (const hostname of [...hosts.keys()].sort(compareSpecificity)) {
    const host = hosts.get(hostname);
    if (host === undefined) continue;
    const candidates = groupOf.get(host.routes[0]) ?? [];
    const same = candidates.find((group) => hasSameRoutes(group.host, host));
    if (same) same.domains.push(hostname);
    else {
      const group = { name: `${hostname}:${host.port}`, host, domains: [hostname] };
      groups.push(group);
      groupOf.set(host.routes[0], [...candidates, group]);
    }
  }
  return groups
    .sort((a, b) => compareNames(a.name, b.name))
    .map(({ name, host, domains }) =>
      memo.get('gateway-host', [memo, ...host.routes, name, domains.join(), host.requiresTls], () => {
        const message = virtualHost(name, domains, catchAllsLast(host.routes.flat()));
        if (host.requiresTls) message.requireTls = VirtualHost_TlsRequirementType.ALL;
        return encodeVirtualHost(message);
      }),
    );
}

function hasSameRoutes(a: Host, b: Host): boolean {
  return (
    a.requiresTls === b.requiresTls &&
    a.routes.length === b.routes.length &&
    a.routes.every((routes, index) => routes === b.routes[index])
  );
}

/** Of several VirtualServices for one host none must hide the others. */
function catchAllsLast(routes: readonly Route[]): Route[] {
  const takesAll = (route: Route) => route.match !== undefined && isCatchAll(route.match);
  return [...routes.filter((route) => !takesAll(route)), ...routes.filter(takesAll)];
}

/** Answers 404: a server without VirtualServices. */
function blackhole(port: number, memo: Lookups['memo']): EncodedVirtualHost {
  return memo.get('gateway-blackhole', [memo, port], () =>
    encodeVirtualHost({ ...virtualHost(`blackhole:${port}`, ['*'], []), includeRequestAttemptCount: false }),
  );
}
