// Where traffic goes that is for no service of the registry.
import { passthroughCluster, subsetKey } from '../names.ts';
import type { ProxyScope } from '../proxy-scope.ts';

/** Looks up the hosts that requests name (Istio's ALLOW_ANY_DYNAMIC_DNS). */
export const allowAnyDynamicDnsCluster = 'AllowAnyDynamicDNSCluster';

/** The cluster of its HTTP requests; see `unknownTrafficCluster` for all else. */
export function unknownRequestCluster(scope: ProxyScope): string | undefined {
  return scope.outboundTrafficPolicy === 'ALLOW_ANY_DYNAMIC_DNS'
    ? allowAnyDynamicDnsCluster
    : unknownTrafficCluster(scope);
}

/** Its cluster: where it was going, or the Sidecar's egressProxy; undefined where only the registry's services may be called. */
export function unknownTrafficCluster(scope: ProxyScope): string | undefined {
  if (scope.outboundTrafficPolicy === 'REGISTRY_ONLY') return undefined;
  const proxy = scope.sidecar?.spec.outboundTrafficPolicy?.egressProxy;
  return proxy ? subsetKey('outbound', proxy.port?.number ?? 0, proxy.subset ?? '', proxy.host) : passthroughCluster;
}
