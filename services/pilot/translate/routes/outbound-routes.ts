// Route configurations of a sidecar's outbound listeners, spliced together from their virtual hosts.

import type { RouteName } from '../listeners/outbound-plan.ts';
import { unknownTrafficCluster } from '../listeners/outbound-traffic.ts';
import type { EncodedResource } from '../translation.ts';
import type { Lookups } from './lookups.ts';
import { type OutboundHost, outboundHosts } from './outbound-hosts.ts';
import { catchAllVirtualHost, encodeRouteConfiguration, encodeVirtualHost, virtualHost } from './virtual-host.ts';

/** The route configuration that a listener asks for. */
export function outboundRoute(route: RouteName, lookups: Lookups): EncodedResource {
  const { memo, scope } = lookups;
  const egress = scope.egress[route.egress];
  const hosts = egress ? outboundHosts(egress, route.port, lookups) : [];
  if (route.onlyHost !== undefined) return detectedRoute(route.name, route.onlyHost, hosts, lookups);
  const unknownCluster = unknownTrafficCluster(scope);
  return memo.get('outbound-route', [hosts, route.name, unknownCluster], () => {
    const catchAll = memo.get('catch-all', [memo, unknownCluster], () =>
      encodeVirtualHost(catchAllVirtualHost(unknownCluster)),
    );
    return encodeRouteConfiguration(route.name, [...hosts.map(({ encoded }) => encoded), catchAll]);
  });
}

/** Behind an address of its own a service gets every request, whatever its Host says. */
function detectedRoute(
  name: string,
  hostname: string,
  hosts: readonly OutboundHost[],
  { memo }: Lookups,
): EncodedResource {
  const host = hostIndex(hosts, memo).get(hostname);
  return memo.get('detected-route', [host ?? memo, name], () => {
    if (host === undefined) return encodeRouteConfiguration(name, []);
    return encodeRouteConfiguration(name, [encodeVirtualHost(virtualHost(host.encoded.name, ['*'], host.routes))]);
  });
}

function hostIndex(hosts: readonly OutboundHost[], memo: Lookups['memo']): ReadonlyMap<string, OutboundHost> {
  return memo.get('host-index', [hosts], () => new Map(hosts.map((host) => [host.hostname, host])));
}
