// The mesh as one proxy's own ProxyConfig has it: Istio's annotation proxy.istio.io/config over the mesh's defaultConfig.
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { ProxyHeaders, TrafficConfig } from '../../../mesh/config/schemas/proxy-traffic.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { Memo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';

/**
 * `snapshot` with the mesh configuration that holds for the proxy: the same object for all proxies that say the same, and the
 * given one for those that say nothing.
 */
export function snapshotFor(snapshot: Snapshot, { proxyConfig }: ProxyContext, memo: Memo): Snapshot {
  if (proxyConfig === undefined) return snapshot;
  const { mesh } = snapshot;
  const own = memo.get('proxy-mesh', [mesh, JSON.stringify(proxyConfig)], () => meshWith(mesh, proxyConfig));
  return memo.get('proxy-snapshot', [snapshot, own], () => ({ ...snapshot, mesh: own }));
}

/** As Istio merges them: what the proxy says of a part takes the place of what the mesh says; of headers, these one by one. */
function meshWith(mesh: MeshConfig, { gatewayTopology, proxyHeaders, tracing }: TrafficConfig): MeshConfig {
  return {
    ...mesh,
    ...(gatewayTopology ? { gatewayTopology } : {}),
    ...(proxyHeaders ? { proxyHeaders: headersWith(mesh.proxyHeaders, proxyHeaders) } : {}),
    ...(tracing ? { tracing } : {}),
  };
}

function headersWith(mesh: ProxyHeaders = {}, own: ProxyHeaders): ProxyHeaders {
  const { forwardedClientCert, requestId, attemptCount, server, envoyDebugHeaders } = mesh;
  const inherited = { forwardedClientCert, requestId, attemptCount, server, envoyDebugHeaders };
  const set = Object.entries(inherited).filter(([, value]) => value !== undefined);
  const isUndefined = own.forwardedClientCert === 'UNDEFINED' && forwardedClientCert !== undefined;
  return { ...Object.fromEntries(set), ...own, ...(isUndefined ? { forwardedClientCert } : {}) };
}
