// The ports of services that a Sidecar leaves: of the others a proxy needs no clusters.
import type { IstioEgressListener } from '../../../mesh/config/schemas/sidecar.ts';
import type { Destination, VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Memo } from './memo.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { completeVirtualServices } from './routes/lookups.ts';
import { providerServices } from './telemetry/providers.ts';

/** By hostname; hosts that are absent are used at every port. */
export type OutboundPorts = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * An egress listener with a port is for services' own port of that number; one without for all of them; a VirtualService's
 * destination for the port that it names (istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener).
 * Undefined where nothing is limited. The same map while the scope's egress is.
 */
export function outboundPorts(scope: ProxyScope, memo: Memo): OutboundPorts | undefined {
  if (scope.egress.every(({ listener }) => listener === undefined)) return undefined;
  const virtualServices = scope.egress.map((egress) => completeVirtualServices(egress, { scope, memo }));
  const providers = providerServices(scope.snapshot, memo);
  return memo.get('outbound-ports', [scope.egress, providers, ...virtualServices], () => {
    const ports = new Map<string, Set<number> | 'all'>();
    const allow = (hostname: string, port: number | undefined) => {
      const known = ports.get(hostname);
      if (port === undefined) ports.set(hostname, 'all');
      else if (known === undefined) ports.set(hostname, new Set([port]));
      else if (known !== 'all') known.add(port);
    };
    for (const { listener, services } of scope.egress) {
      const port = listener && portOf(listener);
      for (const { hostname } of services) allow(hostname, port);
    }
    for (const { spec } of virtualServices.flat())
      for (const { host, port } of destinations(spec)) allow(host, port?.number || undefined);
    // Whatever the Sidecar leaves of them, proxies report to them.
    for (const { service, port } of providers) if (ports.has(service.hostname)) allow(service.hostname, port);
    return new Map([...ports].filter((entry): entry is [string, Set<number>] => entry[1] !== 'all'));
  });
}

/** Undefined for a listener that is for every port: a forward proxy, or one without a port. */
function portOf({ port }: IstioEgressListener): number | undefined {
  return port?.protocol?.toUpperCase() === 'HTTP_PROXY' ? undefined : port?.number || undefined;
}

/** Where a VirtualService sends or mirrors requests to, as written. */
export function destinations(spec: VirtualServiceSpec): readonly Destination[] {
  const http = (spec.http ?? []).flatMap((route) => [
    ...(route.route ?? []).map(({ destination }) => destination),
    ...(route.mirror === undefined ? [] : [route.mirror]),
    ...(route.mirrors ?? []).map(({ destination }) => destination),
  ]);
  const streams = [...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap((route) =>
    (route.route ?? []).map(({ destination }) => destination),
  );
  return [...http, ...streams];
}
