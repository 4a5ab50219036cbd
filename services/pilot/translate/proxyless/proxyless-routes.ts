// Route configurations as gRPC clients ask for them: `outbound|port||host`, each with the one virtual host of that name.
import { subsetKey } from '../names.ts';
import type { Lookups } from '../routes/lookups.ts';
import { outboundHosts } from '../routes/outbound-hosts.ts';
import { encodeRouteConfiguration } from '../routes/virtual-host.ts';
import type { EncodedResource } from '../translation.ts';

/** One route configuration for each port of each service. */
export function proxylessRoutes(lookups: Lookups): ReadonlyMap<string, EncodedResource> {
  const { scope, memo } = lookups;
  const routes = new Map<string, EncodedResource>();
  for (const egress of scope.egress) {
    const ports = memo.get('proxyless-ports', [egress.services], () => [
      ...new Set(egress.services.flatMap((service) => service.ports.map(({ port }) => port))),
    ]);
    const hostsByPort = ports.map((port) => [port, outboundHosts(egress, port, lookups)] as const);
    for (const [port, hosts] of hostsByPort) {
      for (const host of hosts) {
        const name = subsetKey('outbound', port, '', host.hostname);
        if (routes.has(name)) continue;
        routes.set(
          name,
          memo.get('proxyless-route', [host, name], () =>
            encodeRouteConfiguration(name, [host.encoded], { isProxyless: true }),
          ),
        );
      }
    }
  }
  const stable = memo.stable('proxyless-routes', scope.egress, [...routes.values()]);
  return memo.get('proxyless-routes', [stable], () => new Map(stable.map((route) => [route.name, route])));
}
