// The VirtualServices that are bound to each Gateway.
import type { Service } from '../../../../events/model.ts';
import { completeVirtualServices, findService, type Lookups } from '../routes/lookups.ts';
import { meshGateway, type VirtualService } from '../routes/resolve-virtual-service.ts';
import { isExportedTo } from '../visibility.ts';

/** Those bound to `gateway` (`namespace/name`) that the proxy's namespace sees, in Istio's order. */
export function virtualServicesOf(gateway: string, lookups: Lookups): readonly VirtualService[] {
  const [egress] = lookups.scope.egress;
  if (egress === undefined) return [];
  const all = completeVirtualServices(egress, lookups);
  const byGateway = lookups.memo.get('virtual-services-by-gateway', [all], () => {
    const index = new Map<string, VirtualService[]>();
    for (const virtualService of all) {
      for (const name of new Set(virtualService.spec.gateways ?? [meshGateway])) {
        index.set(name, [...(index.get(name) ?? []), virtualService]);
      }
    }
    return index;
  });
  return byGateway.get(gateway) ?? [];
}

/** A destination's service: that of the VirtualService's own namespace where the proxy sees it, else the one it sees. */
export function destinationService(
  hostname: string,
  virtualService: VirtualService,
  lookups: Lookups,
): Service | undefined {
  const { snapshot, context } = lookups.scope;
  const own = snapshot.registry.servicesOf(hostname).find(({ namespace }) => namespace === virtualService.namespace);
  const defaults = snapshot.mesh.defaultServiceExportTo;
  const isSeen =
    own !== undefined &&
    isExportedTo({
      exportTo: own.exportTo,
      defaults,
      ownNamespace: own.namespace,
      namespace: context.namespace,
    });
  return isSeen ? own : findService(hostname, lookups);
}
