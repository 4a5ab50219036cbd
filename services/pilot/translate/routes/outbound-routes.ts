// Route configurations of a sidecar's outbound listeners, spliced together from their virtual hosts.
import type { RouteName } from '../listeners/outbound-plan.ts';
import { unknownRequestCluster } from '../listeners/outbound-traffic.ts';
import type { EncodedResource } from '../translation.ts';
import type { Lookups } from './lookups.ts';
import { outboundHosts } from './outbound-hosts.ts';
import {
  catchAllVirtualHost,
  encodeRouteConfiguration,
  encodeVirtualHost,
  forwardedHeaders,
  virtualHost,
} from './virtual-host.ts';
import type { OutboundHost } from './write-hosts.ts';

/** The route configurations that listeners ask for, in their order. */
export function outboundRoutes(names: readonly RouteName[], lookups: Lookups): readonly EncodedResource[] {
  const { scope, memo } = lookups;
  const unknownCluster = unknownRequestCluster(scope);
  // A port with detection has a name for each of its services: their hosts are looked up once.
  const hostsByPort = new Map<string, readonly OutboundHost[]>();
  const hostsOf = ({ egress, port }: RouteName): readonly OutboundHost[] => {
    const key = `${egress}:${port}`;
    const known = hostsByPort.get(key);
    if (known) return known;
    const from = scope.egress[egress];
    const hosts = from ? outboundHosts(from, port, lookups) : [];
    hostsByPort.set(key, hosts);
    return hosts;
  };
  return names.map((name) => {
    const hosts = hostsOf(name);
    return name.onlyHost === undefined
      ? portRoute(name, hosts, unknownCluster, lookups)
      : detectedRoute(name.name, hostIndex(hosts, memo).get(name.onlyHost), lookups);
  });
}

/** A forward proxy serves all ports at once: its domains name them, so the port of a request’s Host has to count. */
function portRoute(
  { name, port }: RouteName,
  hosts: readonly OutboundHost[],
  unknownCluster: string | undefined,
  { scope, memo }: Lookups,
): EncodedResource {
  const headers = forwardedHeaders(scope.snapshot.mesh);
  const { hasAttemptCount, hasForwardedHost } = headers;
  const unknown = [unknownCluster, hasAttemptCount, hasForwardedHost];
  return memo.get('outbound-route', [hosts, name, port, ...unknown], () => {
    const catchAll = memo.get('catch-all', [memo, ...unknown], () =>
      encodeVirtualHost(catchAllVirtualHost(unknownCluster, headers)),
    );
    const all = [...hosts.map(({ encoded }) => encoded), catchAll];
    return encodeRouteConfiguration(name, all, { ignorePortInHostMatching: port !== 0 });
  });
}

/** Behind an address of its own a service gets every request, whatever its Host says. */
function detectedRoute(name: string, host: OutboundHost | undefined, { scope, memo }: Lookups): EncodedResource {
  if (host === undefined) return memo.get('empty-route', [memo, name], () => encodeRouteConfiguration(name, []));
  const { hasAttemptCount } = forwardedHeaders(scope.snapshot.mesh);
  return memo.get('detected-route', [host, hasAttemptCount], () => {
    const whole = { name: host.encoded.name, domains: ['*'], routes: host.routes };
    return encodeRouteConfiguration(name, [encodeVirtualHost(virtualHost(whole, { hasAttemptCount }))]);
  });
}

function hostIndex(hosts: readonly OutboundHost[], memo: Lookups['memo']): ReadonlyMap<string, OutboundHost> {
  return memo.get('host-index', [hosts], () => new Map(hosts.map((host) => [host.hostname, host])));
}
