// All route configurations of a proxy: those that its listeners name.
import { outboundRouteNames } from '../listeners/outbound.ts';
import type { Memo } from '../memo.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import type { EncodedResource } from '../translation.ts';
import { outboundRoute } from './outbound-routes.ts';

/** Route configurations by name; inbound routes are inline in their listeners. The same map while none of them changes. */
export function buildRoutes(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const lookups = { scope, memo };
  const names = outboundRouteNames(lookups);
  const { namespace, dnsDomain } = scope.context;
  const encoded = names.map((name) => outboundRoute(name, lookups));
  const routes = memo.stable(`routes ${namespace} ${dnsDomain} ${scope.outboundTrafficPolicy}`, names, encoded);
  return memo.get('routes', [routes], () => new Map(routes.map((route) => [route.name, route])));
}
