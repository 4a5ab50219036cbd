// The services that a proxy needs clusters for: those of its egress listeners and those that its VirtualServices send to.
import { type Service, serviceKey } from '../../../events/model.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Memo } from './memo.ts';
import { resolveHostname } from './names.ts';
import type { EgressScope, ProxyScope } from './proxy-scope.ts';
import { onePerHostname, visibleServices } from './visibility.ts';

/** One service a hostname, in order of age; the same array while the scope's egress is. */
export function outboundServices(scope: ProxyScope, memo: Memo): readonly Service[] {
  const [first, ...others] = scope.egress;
  // The default egress listener has every visible service: nothing can be added.
  if (first !== undefined && others.length === 0 && first.listener === undefined) return first.services;
  const visible = visibleServices(scope.snapshot, scope.context.namespace, memo);
  return memo.get('outbound-services', [scope.egress, visible, scope.context.namespace], () => {
    const chosen = new Map<string, Service>();
    const add = (service: Service) => {
      if (!chosen.has(service.hostname)) chosen.set(service.hostname, service);
    };
    for (const { services } of scope.egress) services.forEach(add);
    for (const service of destinationServices(scope, visible)) add(service);
    const keys = new Set([...chosen.values()].map(serviceKey));
    return visible.filter((service) => keys.has(serviceKey(service)));
  });
}

/** Services that a Sidecar's hosts leave out but its VirtualServices send traffic to. */
function destinationServices(scope: ProxyScope, visible: readonly Service[]): readonly Service[] {
  const hosts = new Set(scope.egress.flatMap(destinationHosts));
  const { namespace } = scope.context;
  const defaults = scope.snapshot.mesh.defaultServiceExportTo;
  const wanted = visible.filter((service) => hosts.has(service.hostname));
  const own = wanted.filter((service) => service.namespace === namespace);
  return [...own, ...onePerHostname(wanted, defaults)];
}

function destinationHosts({ virtualServices }: EgressScope): readonly string[] {
  return virtualServices.flatMap(({ namespace, spec }) =>
    destinations(spec).map((host) => resolveHostname(host.toLowerCase(), namespace)),
  );
}

/** Hosts that a VirtualService sends or mirrors requests to, as written. */
export function destinations(spec: VirtualServiceSpec): readonly string[] {
  const http = (spec.http ?? []).flatMap((route) => [
    ...(route.route ?? []).map(({ destination }) => destination),
    ...(route.mirror === undefined ? [] : [route.mirror]),
    ...(route.mirrors ?? []).map(({ destination }) => destination),
  ]);
  const streams = [...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap((route) =>
    (route.route ?? []).map(({ destination }) => destination),
  );
  return [...http, ...streams].map(({ host }) => host);
}
