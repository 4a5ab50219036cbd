// A resource set made of what each service contributes, brought from snapshot to snapshot at the cost of the services that changed.
import { type Service, type ServiceKey, serviceKey } from '../../../events/model.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { patchedSet, resourceSet } from './resource-set.ts';
import type { EncodedResource, ResourceSet } from './translation.ts';

/** What one service contributes as of a snapshot: all names that it ever has, undefined where it has none now. */
export type Contribution = ReadonlyMap<string, EncodedResource | undefined>;

/** The set as of a snapshot. */
export interface ServiceTable {
  at(snapshot: Snapshot): ResourceSet;
}

/**
 * A table over `services`, which differ in hostname. `contribute` may read the service's endpoints, if `readsEndpoints`, and
 * nothing else of the snapshot. `seed`, a set of an earlier table for the same proxies, makes differences to it cheap.
 */
export function serviceTable(options: {
  readonly services: readonly Service[];
  readonly contribute: (service: Service, snapshot: Snapshot) => Contribution;
  readonly readsEndpoints: (service: Service) => boolean;
  readonly seed: ResourceSet | undefined;
}): ServiceTable {
  const { services, contribute, readsEndpoints, seed } = options;
  const watching = new Map<ServiceKey, Service>();
  for (const service of services) if (readsEndpoints(service)) watching.set(serviceKey(service), service);
  const known = new WeakMap<Snapshot, ResourceSet>();
  let last: { readonly position: number; readonly set: ResourceSet } | undefined;

  const first = (snapshot: Snapshot) => {
    const all = combined(services, snapshot, contribute);
    return seed === undefined ? resourceSet(present(all)) : patchedSet(seed, withRemovals(all, seed));
  };
  const next = (snapshot: Snapshot, previous: { readonly position: number; readonly set: ResourceSet }) => {
    const { changed } = snapshot;
    const follows = changed !== 'all' && changed.since === previous.position;
    const touched = follows ? [...changed.endpoints].flatMap((key) => watching.get(key) ?? []) : [...watching.values()];
    return patchedSet(previous.set, combined(touched, snapshot, contribute));
  };
  return {
    at: (snapshot) => {
      let set = known.get(snapshot);
      if (set === undefined) {
        set = last === undefined ? first(snapshot) : next(snapshot, last);
        known.set(snapshot, set);
        last = { position: snapshot.position, set };
      }
      return set;
    },
  };
}

function combined(
  services: readonly Service[],
  snapshot: Snapshot,
  contribute: (service: Service, snapshot: Snapshot) => Contribution,
): Map<string, EncodedResource | undefined> {
  const all = new Map<string, EncodedResource | undefined>();
  for (const service of services) for (const [name, resource] of contribute(service, snapshot)) all.set(name, resource);
  return all;
}

function present(all: Contribution): readonly EncodedResource[] {
  return [...all.values()].flatMap((resource) => resource ?? []);
}

function withRemovals(all: Map<string, EncodedResource | undefined>, seed: ResourceSet): Contribution {
  for (const name of seed.names()) if (!all.has(name)) all.set(name, undefined);
  return all;
}
