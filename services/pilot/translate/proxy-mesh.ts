// The mesh as one proxy has it: by its own ProxyConfig (Istio's annotation proxy.istio.io/config over the mesh's defaultConfig) and metadata.
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { ProxyHeaders, TrafficConfig } from '../../../mesh/config/schemas/proxy-traffic.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { Memo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';

/**
 * `snapshot` with the mesh configuration that holds for the proxy: the same object for all proxies that say the same, and the
 * given one for those that say nothing.
 */
export function snapshotFor(snapshot: Snapshot, context: ProxyContext, memo: Memo): Snapshot {
  const { proxyConfig, acceptsHttp10, httpIdleTimeoutMs } = context;
  const http = {
    ...(acceptsHttp10 ? { acceptsHttp10 } : {}),
    ...(httpIdleTimeoutMs === undefined ? {} : { httpIdleTimeoutMs }),
  };
  const content = JSON.stringify({ ...http, ...(proxyConfig ? { proxyConfig } : {}) });
  if (content === '{}') return snapshot;
  const { mesh } = snapshot;
  const own = memo.get('proxy-mesh', [mesh, content], () => ({ ...meshWith(mesh, proxyConfig ?? {}), ...http }));
  return memo.get('proxy-snapshot', [snapshot, own], () => ({ ...snapshot, mesh: own }));
}

/** As Istio merges them: what the proxy says of a part takes the place of what the mesh says; of headers, these one by one. */
function meshWith(mesh: MeshConfig, own: TrafficConfig): MeshConfig {
  const { gatewayTopology, proxyHeaders, tracing, connectionSettings } = own;
  return {
    ...mesh,
    ...(gatewayTopology ? { gatewayTopology } : {}),
    ...(proxyHeaders ? { proxyHeaders: headersWith(mesh.proxyHeaders, proxyHeaders) } : {}),
    ...(tracing ? { tracing } : {}),
    ...(connectionSettings ? { connectionSettings } : {}),
  };
}

function headersWith(mesh: ProxyHeaders = {}, own: ProxyHeaders): ProxyHeaders {
  const { forwardedClientCert, requestId, attemptCount, server, envoyDebugHeaders } = mesh;
  const inherited = { forwardedClientCert, requestId, attemptCount, server, envoyDebugHeaders };
  const set = Object.entries(inherited).filter(([, value]) => value !== undefined);
  const isUndefined = own.forwardedClientCert === 'UNDEFINED' && forwardedClientCert !== undefined;
  return { ...Object.fromEntries(set), ...own, ...(isUndefined ? { forwardedClientCert } : {}) };
}
