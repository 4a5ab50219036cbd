// What outbound listeners depend on beside services, each with an identity that lasts while its content does.
import { type Endpoint, serviceKey } from '../../../../events/model.ts';
import type { EgressScope } from '../proxy-scope.ts';
import { completeVirtualServices, type Lookups, labelNames, labelsText } from '../routes/lookups.ts';
import { listenerKind } from '../routes/protocol.ts';
import type { VirtualService } from '../routes/resolve-virtual-service.ts';
import { hasInstanceListeners } from './outbound-candidates.ts';

/** VirtualServices with tcp or tls rules; the same array while none of these changes, however many others do. */
export function l4VirtualServices(egress: EgressScope, lookups: Lookups): readonly VirtualService[] {
  const { memo } = lookups;
  const all = completeVirtualServices(egress, lookups);
  const chosen = memo.get('l4-virtual-services', [all], () =>
    all.filter(({ spec }) => (spec.tcp?.length ?? 0) + (spec.tls?.length ?? 0) > 0),
  );
  const id = chosen.map(({ namespace, name }) => `${namespace}/${name}`).join();
  return memo.stable(`l4-virtual-services ${id}`, egress.services, chosen);
}

/** The proxy's labels and namespace that any tcp or tls rule asks for, as text. */
export function l4Labels(lists: readonly (readonly VirtualService[])[], { memo, scope }: Lookups): string {
  const names = lists.flatMap((virtualServices) =>
    memo.get('l4-labels', [virtualServices], () =>
      labelNames(
        virtualServices.flatMap(({ spec }) =>
          [...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(({ match }) =>
            (match ?? []).map((one) => one.sourceLabels ?? {}),
          ),
        ),
      ),
    ),
  );
  return labelsText(names, scope.context.labels);
}

/** Endpoint lists of the services that get a listener for each instance; the same array while none of them changes. */
export function headlessEndpoints({ scope, memo }: Lookups): readonly (readonly Endpoint[])[] {
  const { registry } = scope.snapshot;
  const lists = scope.egress.flatMap(({ services }) => {
    const headless = memo.get('headless-services', [services], () =>
      services.filter(
        (service) =>
          hasInstanceListeners(service) &&
          service.ports.some(({ protocol }) => !['http', undefined].includes(listenerKind(protocol))),
      ),
    );
    return headless.map((service) => registry.endpoints(serviceKey(service)));
  });
  const owner = scope.egress[0]?.services ?? memo;
  return memo.stable('headless-endpoints', owner, lists);
}
