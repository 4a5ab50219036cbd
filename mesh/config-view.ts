// The configuration half of a snapshot: immutable lists in Istio's order, and how the next version is made from the last.
import type { ConfigKey, ConfigResource } from '../events/model.ts';
import { lowerBound } from './compare.ts';
import { compareResources } from './config-store.ts';
import { PersistentMap } from './persistent-map.ts';
import type { ConfigView } from './snapshot.ts';

/** What is behind a ConfigView. */
export interface ConfigMaps {
  readonly resources: PersistentMap<ConfigResource>;
  /** By kind. */
  readonly lists: ReadonlyMap<string, readonly ConfigResource[]>;
}

const none: readonly never[] = Object.freeze([]);
/** Beyond this many changes sorting a list is cheaper than placing each. */
const manyChanges = 32;

/** No resources. */
export function emptyConfig(): ConfigMaps {
  return { resources: PersistentMap.empty(), lists: new Map() };
}

/** The view that snapshots give readers. A caller names the spec's type; that it is so is what validation on the way in promises. */
export function viewOf(maps: ConfigMaps): ConfigView {
  return {
    list: <Spec>(kind: string) => (maps.lists.get(kind) ?? none) as readonly ConfigResource<Spec>[],
    get: <Spec>(kind: string, namespace: string, name: string) =>
      maps.resources.get(`${kind}/${namespace}/${name}`) as ConfigResource<Spec> | undefined,
  };
}

/** The next version; `maps` stays as it is. */
export function changeConfig(
  maps: ConfigMaps,
  changes: ReadonlyMap<ConfigKey, ConfigResource | undefined>,
): ConfigMaps {
  if (changes.size === 0) return maps;
  const keysByKind = new Map<string, ConfigKey[]>();
  for (const key of changes.keys()) {
    const kind = key.slice(0, key.indexOf('/'));
    const keys = keysByKind.get(kind);
    if (keys) keys.push(key);
    else keysByKind.set(kind, [key]);
  }
  const resources = maps.resources.with(changes);
  const lists = new Map(maps.lists);
  for (const [kind, keys] of keysByKind) {
    const removed = keys.flatMap((key) => maps.resources.get(key) ?? []);
    const added = keys.flatMap((key) => resources.get(key) ?? []);
    lists.set(kind, Object.freeze(nextList(maps.lists.get(kind) ?? none, removed, added)));
  }
  return { resources, lists };
}

function nextList(
  list: readonly ConfigResource[],
  removed: readonly ConfigResource[],
  added: readonly ConfigResource[],
): ConfigResource[] {
  if (removed.length + added.length > manyChanges) {
    const gone = new Set(removed);
    return list
      .filter((resource) => !gone.has(resource))
      .concat(added)
      .sort(compareResources);
  }
  const next = [...list];
  for (const resource of removed) {
    const at = lowerBound(next, resource, compareResources);
    next.splice(next[at] === resource ? at : next.indexOf(resource), 1);
  }
  for (const resource of added) next.splice(lowerBound(next, resource, compareResources), 0, resource);
  return next;
}
