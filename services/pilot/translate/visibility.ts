// Which services and resources a namespace may see: `exportTo` with Istio's meaning, in Istio's order.
import { type ConfigResource, type Service, serviceKey } from '../../../events/model.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { Memo } from './memo.ts';
import { compareNames } from './names.ts';

/**
 * Whether something of `ownNamespace` that says `exportTo` is seen in `namespace`
 * (istio.io/latest/docs/reference/config/networking/service-entry, `exportTo`). Absent or empty means `defaults`.
 */
export function isExportedTo(options: {
  readonly exportTo: readonly string[] | undefined;
  readonly defaults: readonly string[];
  readonly ownNamespace: string;
  readonly namespace: string;
}): boolean {
  const { exportTo, defaults, ownNamespace, namespace } = options;
  const effective = exportTo === undefined || exportTo.length === 0 ? defaults : exportTo;
  if (effective.includes('~')) return effective.includes('*');
  return effective.some(
    (target) => target === '*' || target === namespace || (target === '.' && ownNamespace === namespace),
  );
}

/** Every service, oldest first, then by name; the same array while no service changes. */
export function orderedServices(snapshot: Snapshot, memo: Memo): readonly Service[] {
  return memo.get('services-of-registry', [snapshot.registry.services], () => {
    const services = memo.stable('services', memo, [...snapshot.registry.services.values()]);
    return memo.get('ordered-services', [services], () => [...services].sort(compareAge));
  });
}

/** The services that `namespace` sees, oldest first, then by name. Namespaces that see the same services get the same array. */
export function visibleServices(snapshot: Snapshot, namespace: string, memo: Memo): readonly Service[] {
  const all = orderedServices(snapshot, memo);
  const defaults = snapshot.mesh.defaultServiceExportTo;
  return memo.get('visible-services', [all, defaults, namespace], () => {
    const sees = (service: Service) =>
      isExportedTo({ exportTo: service.exportTo, defaults, ownNamespace: service.namespace, namespace });
    const restricted = memo.get('restricted-services', [all, defaults], () =>
      all.filter((service) => !exportsToAll(service.exportTo, defaults)),
    );
    const seen = restricted.filter(sees);
    return memo.get('services-with-restricted', [all, restricted, seen.map(serviceKey).join()], () => {
      const hidden = new Set(restricted);
      for (const service of seen) hidden.delete(service);
      return hidden.size === 0 ? all : all.filter((service) => !hidden.has(service));
    });
  });
}

/**
 * Of visible services that share a hostname the one that Istio lets have it: the proxy's own namespace's (`namespace`; gateways
 * have none of their own), then a platform's own before a ServiceEntry's (nobody can squat on a platform service's name), then
 * one exported to few before one exported to all, then the oldest.
 */
export function onePerHostname(
  services: readonly Service[],
  { defaults, namespace }: { readonly defaults: readonly string[]; readonly namespace?: string | undefined },
): readonly Service[] {
  const rank = (service: Service) =>
    (service.namespace === namespace ? 0 : 4) +
    (service.platform === 'service-entry' ? 2 : 0) +
    (exportsToAll(service.exportTo, defaults) ? 1 : 0);
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const holder = chosen.get(service.hostname);
    if (holder === undefined || rank(service) < rank(holder)) chosen.set(service.hostname, service);
  }
  if (chosen.size === services.length) return services;
  return services.filter((service) => chosen.get(service.hostname) === service);
}

/** Namespaces with a service whose hostname another of `services` has, too: their proxies see their own. */
export function contestingNamespaces(services: readonly Service[], memo: Memo): ReadonlySet<string> {
  return memo.get('contesting-namespaces', [services], () => {
    const first = new Map<string, Service>();
    const namespaces = new Set<string>();
    for (const service of services) {
      const holder = first.get(service.hostname);
      if (holder === undefined) first.set(service.hostname, service);
      else namespaces.add(holder.namespace).add(service.namespace);
    }
    return namespaces;
  });
}

/**
 * VirtualServices that `namespace` sees, without delegates (which have no hosts), in Istio's order: those for its own
 * namespace alone, those exported to it by name, those exported to all; each oldest first. The same array while it is.
 */
export function visibleVirtualServices(
  snapshot: Snapshot,
  namespace: string,
  memo: Memo,
): readonly ConfigResource<VirtualServiceSpec>[] {
  const all = snapshot.config.list<VirtualServiceSpec>('VirtualService');
  const defaults = snapshot.mesh.defaultVirtualServiceExportTo;
  return memo.get('visible-virtual-services', [all, defaults, namespace], () => {
    const ofPlace: [ConfigResource<VirtualServiceSpec>[], ConfigResource<VirtualServiceSpec>[]] = [[], []];
    const toAll: ConfigResource<VirtualServiceSpec>[] = [];
    for (const resource of all) {
      const { spec, namespace: ownNamespace } = resource;
      if ((spec.hosts ?? []).length === 0) continue;
      if (exportsToAll(spec.exportTo, defaults)) toAll.push(resource);
      else if (isExportedTo({ exportTo: spec.exportTo, defaults, ownNamespace, namespace })) {
        ofPlace[ownNamespace === namespace ? 0 : 1].push(resource);
      }
    }
    if (toAll.length === all.length) return all;
    const visible = [...ofPlace.flat(), ...toAll];
    const shared = memo.get('virtual-service-selections', [all], () => ({}));
    return memo.stable(visible.map(({ namespace, name }) => `${namespace}/${name}`).join(), shared, visible);
  });
}

/** Oldest first; equal or unknown ages by name (a ServiceEntry's is its host), namespace, hostname: what is applied together has one age. */
export function compareAge(a: Service, b: Service): number {
  return (
    createdMs(a.createdAt) - createdMs(b.createdAt) ||
    compareNames(a.name, b.name) ||
    compareNames(serviceKey(a), serviceKey(b))
  );
}

function createdMs(createdAt: string | undefined): number {
  const ms = createdAt === undefined ? 0 : Date.parse(createdAt);
  return Number.isNaN(ms) ? 0 : ms;
}

function exportsToAll(exportTo: readonly string[] | undefined, defaults: readonly string[]): boolean {
  return (exportTo === undefined || exportTo.length === 0 ? defaults : exportTo).includes('*');
}
