// All outbound listeners of a sidecar, and the route configurations that they ask for.
import { ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { nameLookUps } from '../dynamic-dns.ts';
import { encodeResource } from '../encode.ts';
import { listenerName, virtualOutboundListener } from '../names.ts';
import type { Lookups } from '../routes/lookups.ts';
import { workloadTelemetry } from '../telemetry/workload-telemetry.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { localhostOf, wildcardOf } from './address.ts';
import { encodeOutbound, virtualOutbound } from './outbound-listener.ts';
import { type OutboundEntry, outboundPlan, type RouteName } from './outbound-plan.ts';
import { unknownRequestCluster, unknownTrafficCluster } from './outbound-traffic.ts';

/** Route configuration of the forward proxy that HTTP_PROXY_PORT or the mesh's proxyHttpPort asks for. */
const httpProxyRoute = 'http_proxy';

/** The listeners by name; the same map while none of them changes. */
export function outboundListeners(lookups: Lookups): ReadonlyMap<string, EncodedResource> {
  const { scope, memo } = lookups;
  const { mesh } = scope.snapshot;
  const { interceptionMode } = scope.context;
  const httpProxyPort = httpProxyPortOf(lookups);
  const plan = outboundPlan(lookups);
  const unknownCluster = unknownTrafficCluster(scope);
  const unknownRequests = unknownRequestCluster(scope);
  const lookUps = nameLookUps(scope, memo);
  const telemetry = workloadTelemetry(lookups);
  const bind = wildcardOf(scope.context);
  return memo.get(
    'outbound-listeners',
    [plan, mesh, telemetry, unknownCluster, unknownRequests, lookUps, interceptionMode, httpProxyPort, bind],
    () => {
      const options = { mesh, telemetry, unknownCluster, unknownRequests, nameLookUps: lookUps };
      const entries = httpProxyPort === 0 ? plan : [...plan, httpProxyEntry(httpProxyPort, lookups)];
      const listeners = new Map(entries.map((entry) => [entry.name, encodeOutbound(entry, options, memo)]));
      if (interceptionMode !== 'NONE') {
        const virtual = virtualOutbound({ ...options, bind, isTransparent: interceptionMode === 'TPROXY' });
        const encoded = encodeResource(typeUrls.listener, virtualOutboundListener, ListenerSchema, virtual);
        listeners.set(virtualOutboundListener, encoded);
      }
      return listeners;
    },
  );
}

/** The route configurations that outbound listeners ask for, by name; the first of a name is the one that Envoy would get. */
export function outboundRouteNames(lookups: Lookups): readonly RouteName[] {
  const plan = outboundPlan(lookups);
  const ofPlan = lookups.memo.get('outbound-route-names', [plan], () => {
    const names = new Map<string, RouteName>();
    for (const { chains } of plan) {
      for (const chain of chains) {
        if (chain.kind === 'http' && !names.has(chain.rds.name)) names.set(chain.rds.name, chain.rds);
      }
    }
    return [...names.values()];
  });
  if (httpProxyPortOf(lookups) === 0) return ofPlan;
  const proxy = httpProxyRouteName(lookups);
  return lookups.memo.get('names-with-http-proxy', [ofPlan, proxy.egress], () => [...ofPlan, proxy]);
}

/** A forward proxy knows what the catch-all egress listener knows. */
function httpProxyRouteName({ scope }: Lookups): RouteName {
  const egress = scope.egress.findIndex(({ listener }) => listener?.port === undefined);
  return { name: httpProxyRoute, port: 0, egress, onlyHost: undefined };
}

/** The proxy's own wish goes before the mesh's; 0: no forward proxy. */
function httpProxyPortOf({ scope }: Lookups): number {
  return scope.context.httpProxyPort || (scope.snapshot.mesh.proxyHttpPort ?? 0);
}

function httpProxyEntry(port: number, lookups: Lookups): OutboundEntry {
  const bind = localhostOf(lookups.scope.context);
  return {
    name: listenerName(bind, port),
    bind,
    port,
    bindToPort: true,
    chains: [{ kind: 'http', rds: httpProxyRouteName(lookups), protocol: 'HTTP_PROXY', isDetected: false }],
  };
}
