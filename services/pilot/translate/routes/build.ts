// All route configurations of a proxy: those that its listeners name.
import { gatewayRoutes } from '../gateways/gateway-routes.ts';
import { outboundRouteNames } from '../listeners/outbound.ts';
import { unknownRequestCluster } from '../listeners/outbound-traffic.ts';
import type { Memo } from '../memo.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { proxylessRoutes } from '../proxyless/proxyless-routes.ts';
import type { EncodedResource } from '../translation.ts';
import { completeVirtualServices, type Lookups, ruleLabels } from './lookups.ts';
import { sourceLabels } from './outbound-hosts.ts';
import { outboundRoutes } from './outbound-routes.ts';

/** Route configurations by name; inbound routes are inline in their listeners. The same map while none of them changes. */
export function buildRoutes(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const lookups = { scope, memo };
  if (scope.context.type === 'router') return namedOnce('gateway-routes', scope.egress, gatewayRoutes(lookups), memo);
  return scope.context.generator === 'grpc' ? proxylessRoutes(lookups) : sidecarRoutes(lookups);
}

/** Computed once for all proxies that read the same, however many route configurations there are. */
function sidecarRoutes(lookups: Lookups): ReadonlyMap<string, EncodedResource> {
  const { scope, memo } = lookups;
  const { namespace, dnsDomain } = scope.context;
  const names = outboundRouteNames(lookups);
  const egress = scope.egress.flatMap((one) => {
    const virtualServices = completeVirtualServices(one, lookups);
    return [one.services, virtualServices, sourceLabels(virtualServices, lookups)];
  });
  const rules = scope.snapshot.config.list('DestinationRule');
  const unknown = unknownRequestCluster(scope);
  const deps = [names, ...egress, rules, scope.snapshot.mesh, namespace, dnsDomain, unknown, ruleLabels(lookups)];
  return memo.get('sidecar-routes', deps, () => {
    return namedOnce(`routes ${namespace} ${dnsDomain} ${unknown}`, names, outboundRoutes(names, lookups), memo);
  });
}

/** The same map as before for the same `id` and `owner` if the routes are the same. */
function namedOnce(
  id: string,
  owner: object,
  routes: readonly EncodedResource[],
  memo: Memo,
): ReadonlyMap<string, EncodedResource> {
  const stable = memo.stable(id, owner, routes);
  return memo.get('named-routes', [stable], () => new Map(stable.map((route) => [route.name, route])));
}
