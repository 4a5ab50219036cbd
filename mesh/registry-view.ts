// The registry half of a snapshot: immutable maps, and how the next version is made from the last by what changed.
import { type Endpoint, type Service, type ServiceKey, serviceKey, type Workload } from '../events/model.ts';
import { compareStrings, compareTimes, sameElements } from './compare.ts';
import { PersistentMap } from './persistent-map.ts';
import type { RegistryView, ServiceInstance } from './snapshot.ts';

/** The maps behind a RegistryView. */
export interface RegistryMaps {
  readonly services: PersistentMap<Service>;
  readonly byHostname: PersistentMap<readonly Service[]>;
  readonly endpoints: PersistentMap<readonly Endpoint[]>;
  readonly instances: PersistentMap<readonly ServiceInstance[]>;
  readonly workloads: PersistentMap<Workload>;
}

/** What is different from the version before; undefined: gone. */
export interface RegistryChange {
  readonly services: ReadonlyMap<ServiceKey, Service | undefined>;
  readonly endpoints: ReadonlyMap<ServiceKey, readonly Endpoint[] | undefined>;
  readonly workloads: ReadonlyMap<string, Workload | undefined>;
}

const none: readonly never[] = Object.freeze([]);

/** A registry without anything. */
export function emptyRegistry(): RegistryMaps {
  return {
    services: PersistentMap.empty(),
    byHostname: PersistentMap.empty(),
    endpoints: PersistentMap.empty(),
    instances: PersistentMap.empty(),
    workloads: PersistentMap.empty(),
  };
}

/** The view that snapshots give readers. */
export function viewOf(maps: RegistryMaps): RegistryView {
  return {
    services: maps.services,
    workloads: maps.workloads,
    servicesOf: (hostname) => maps.byHostname.get(hostname) ?? none,
    endpoints: (key) => maps.endpoints.get(key) ?? none,
    instancesAt: (address) => maps.instances.get(address) ?? none,
  };
}

/** The next version; `maps` stays as it is. */
export function changeRegistry(maps: RegistryMaps, change: RegistryChange): RegistryMaps {
  const next = {
    services: maps.services.with(change.services),
    endpoints: maps.endpoints.with(change.endpoints),
    workloads: maps.workloads.with(change.workloads),
  };
  return {
    ...next,
    byHostname: maps.byHostname.with(changedHostnames(maps, next.services, change)),
    instances: maps.instances.with(changedInstances(maps, next, change)),
  };
}

function changedHostnames(
  maps: RegistryMaps,
  services: PersistentMap<Service>,
  change: RegistryChange,
): Map<string, readonly Service[] | undefined> {
  const keysOf = new Map<string, ServiceKey[]>();
  for (const key of change.services.keys()) {
    const hostname = services.get(key)?.hostname ?? maps.services.get(key)?.hostname ?? '';
    const keys = keysOf.get(hostname);
    if (keys) keys.push(key);
    else keysOf.set(hostname, [key]);
  }
  const changed = new Map<string, readonly Service[] | undefined>();
  for (const [hostname, keys] of keysOf) {
    const kept = (maps.byHostname.get(hostname) ?? none).filter((service) => !keys.includes(serviceKey(service)));
    const list = [...kept, ...keys.flatMap((key) => services.get(key) ?? [])].sort(compareByAge);
    changed.set(hostname, list.length > 0 ? Object.freeze(list) : undefined);
  }
  return changed;
}

function compareByAge(a: Service, b: Service): number {
  return compareTimes(a.createdAt, b.createdAt) || compareStrings(a.namespace, b.namespace);
}

function changedInstances(
  maps: RegistryMaps,
  next: Pick<RegistryMaps, 'services' | 'endpoints'>,
  change: RegistryChange,
): Map<string, readonly ServiceInstance[] | undefined> {
  const changed = new Map<string, readonly ServiceInstance[] | undefined>();
  for (const [address, keys] of staleAddresses(maps, next, change)) {
    const old = maps.instances.get(address) ?? none;
    const list = old.filter(({ service }) => !keys.has(serviceKey(service)));
    for (const key of keys) list.push(...instancesOf(next, key, address));
    list.sort((a, b) => compareStrings(serviceKey(a.service), serviceKey(b.service)));
    changed.set(address, list.length > 0 ? Object.freeze(list) : undefined);
  }
  return changed;
}

/** Which services' instances have to be made again at which address. */
function staleAddresses(
  maps: RegistryMaps,
  next: Pick<RegistryMaps, 'services' | 'endpoints'>,
  change: RegistryChange,
): Map<string, Set<ServiceKey>> {
  const stale = new Map<string, Set<ServiceKey>>();
  for (const key of new Set([...change.services.keys(), ...change.endpoints.keys()])) {
    const before = maps.endpoints.get(key) ?? none;
    const after = next.endpoints.get(key) ?? none;
    const all = maps.services.get(key) !== next.services.get(key);
    const now = new Set<Endpoint>(all ? none : after);
    const kept = new Set<Endpoint>(before.filter((endpoint) => now.has(endpoint)));
    for (const endpoint of [...before, ...after]) if (!kept.has(endpoint)) addTo(stale, endpoint.address, key);
  }
  return stale;
}

function instancesOf(
  next: Pick<RegistryMaps, 'services' | 'endpoints'>,
  key: ServiceKey,
  address: string,
): ServiceInstance[] {
  const service = next.services.get(key);
  const endpoints = next.endpoints.get(key);
  if (!service || !endpoints) return [];
  return endpoints.filter((endpoint) => endpoint.address === address).map((endpoint) => ({ service, endpoint }));
}

function addTo(sets: Map<string, Set<string>>, name: string, member: string): void {
  const set = sets.get(name);
  if (set) set.add(member);
  else sets.set(name, new Set([member]));
}

/** `endpoints` in their order, (address, id, platform, cluster); `before` itself when it has the identical elements. */
export function orderEndpoints(endpoints: Endpoint[], before: readonly Endpoint[]): readonly Endpoint[] {
  endpoints.sort(
    (a, b) =>
      compareStrings(a.address, b.address) ||
      compareStrings(a.id, b.id) ||
      compareStrings(a.platform, b.platform) ||
      compareStrings(a.clusterId ?? '', b.clusterId ?? ''),
  );
  return sameElements(endpoints, before) ? before : Object.freeze(endpoints);
}
