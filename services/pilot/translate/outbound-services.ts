// The services that a proxy needs clusters for: those of its egress listeners and those that its VirtualServices send to.
import { type Service, serviceKey } from '../../../events/model.ts';
import { mixerHostname } from '../../../mesh/policy/mixer-service.ts';
import type { Memo } from './memo.ts';
import { destinations } from './outbound-ports.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { completeVirtualServices } from './routes/lookups.ts';
import type { VirtualService } from './routes/resolve-virtual-service.ts';
import { providerServices } from './telemetry/providers.ts';
import { onePerHostname, visibleServices } from './visibility.ts';

/** The services below, Mixer and telemetry's providers, which no Sidecar or exportTo shows or hides: proxies call them themselves. */
export function outboundServices(scope: ProxyScope, memo: Memo): readonly Service[] {
  const services = calledServices(scope, memo);
  const [mixer] = scope.snapshot.registry.servicesOf(mixerHostname);
  const providers = providerServices(scope.snapshot, memo);
  if ((mixer === undefined && providers.length === 0) || scope.context.generator === 'grpc') return services;
  return memo.get('with-own-calls', [services, mixer, providers], () => {
    const own = new Set([...(mixer ? [mixer] : []), ...providers.map(({ service }) => service)]);
    return [...services.filter((service) => !own.has(service)), ...own];
  });
}

/** One service a hostname, in order of age; the same array while the scope's egress is. */
function calledServices(scope: ProxyScope, memo: Memo): readonly Service[] {
  const [first, ...others] = scope.egress;
  // The default egress listener has every visible service: nothing can be added.
  if (first !== undefined && others.length === 0 && first.listener === undefined) return first.services;
  const visible = visibleServices(scope.snapshot, scope.context.namespace, memo);
  const virtualServices = scope.egress.map((egress) => completeVirtualServices(egress, { scope, memo }));
  return memo.get('outbound-services', [scope.egress, visible, ...virtualServices, scope.context.namespace], () => {
    const chosen = new Map<string, Service>();
    const add = (service: Service) => {
      if (!chosen.has(service.hostname)) chosen.set(service.hostname, service);
    };
    for (const { services } of scope.egress) services.forEach(add);
    for (const service of destinationServices(virtualServices.flat(), scope, visible)) add(service);
    const keys = new Set([...chosen.values()].map(serviceKey));
    return visible.filter((service) => keys.has(serviceKey(service)));
  });
}

/** Services that a Sidecar's hosts leave out but its VirtualServices send traffic to. */
function destinationServices(
  virtualServices: readonly VirtualService[],
  scope: ProxyScope,
  visible: readonly Service[],
): readonly Service[] {
  const hosts = new Set(virtualServices.flatMap(({ spec }) => destinations(spec).map(({ host }) => host)));
  const { namespace } = scope.context;
  const defaults = scope.snapshot.mesh.defaultServiceExportTo;
  const wanted = visible.filter((service) => hosts.has(service.hostname));
  return onePerHostname(wanted, { defaults, namespace });
}
