// Which hosts' endpoints are for callers of their own cluster alone: the mesh's serviceSettings.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { isHostWithin } from '../names.ts';

/**
 * Whether a host is cluster-local (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ServiceSettings): the most specific
 * setting decides, of equal ones the last. Istio's defaults for kube-system and the API server are left out: proxies and platforms
 * here may call one cluster by different names, and would lose sight of each other.
 */
export function isClusterLocal(
  hostname: string,
  { serviceSettings = [] }: Pick<MeshConfig, 'serviceSettings'>,
): boolean {
  const matching = serviceSettings
    .flatMap(({ hosts = [], settings }) => hosts.map((host) => ({ host, isLocal: settings?.clusterLocal === true })))
    .filter(({ host }) => isHostWithin(hostname, host));
  let best: { readonly host: string; readonly isLocal: boolean } | undefined;
  for (const one of matching) if (best === undefined || specificity(one.host) >= specificity(best.host)) best = one;
  return best?.isLocal === true;
}

function specificity(host: string): number {
  return host.startsWith('*') ? host.length : Number.POSITIVE_INFINITY;
}
