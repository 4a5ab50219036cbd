// Route configurations of a gateway: the hosts that its servers and their VirtualServices have in common.
import {
  type Route,
  VirtualHost_TlsRequirementType,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { compareNames } from '../names.ts';
import { compareSpecificity } from '../routes/hostname.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isCatchAll } from '../routes/route-match.ts';
import {
  type EncodedVirtualHost,
  encodeRouteConfiguration,
  encodeVirtualHost,
  forwardedHeaders,
  virtualHost,
} from '../routes/virtual-host.ts';
import type { EncodedResource } from '../translation.ts';
import { addDrainingHosts } from './draining-hosts.ts';
import { collectHosts, type Host } from './gateway-hosts.ts';
import { type GatewayServer, mergedGateways } from './merge-gateways.ts';

/** The route configurations of all HTTP servers, by name. */
export function gatewayRoutes(lookups: Lookups): readonly EncodedResource[] {
  const { serversByRoute } = mergedGateways(lookups);
  return [...serversByRoute].map(([name, servers]) => gatewayRoute(name, servers, lookups));
}

function gatewayRoute(name: string, servers: readonly GatewayServer[], lookups: Lookups): EncodedResource {
  const hosts = new Map<string, Host>();
  for (const server of servers) collectHosts(server, hosts, lookups);
  for (const server of servers) addDrainingHosts(server, hosts, lookups);
  const { memo } = lookups;
  const encoded =
    hosts.size === 0 ? [blackhole(servers[0]?.server.port.number ?? 0, memo)] : writeHosts(hosts, lookups);
  const list = memo.stable(`gateway-route ${name}`, servers, encoded);
  return memo.get('gateway-route', [list, name], () => encodeRouteConfiguration(name, list));
}

/** Hosts with the same routes become one virtual host, named by the most specific of them; sorted by name. */
function writeHosts(hosts: ReadonlyMap<string, Host>, { scope, memo }: Lookups): EncodedVirtualHost[] {
  const { hasAttemptCount } = forwardedHeaders(scope.snapshot.mesh);
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
      memo.get('gateway-host', [memo, ...host.routes, name, domains.join(), host.requiresTls, hasAttemptCount], () => {
        const message = virtualHost({ name, domains, routes: catchAllsLast(host.routes.flat()) }, { hasAttemptCount });
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
    encodeVirtualHost(
      virtualHost({ name: `blackhole:${port}`, domains: ['*'], routes: [] }, { hasAttemptCount: false }),
    ),
  );
}
