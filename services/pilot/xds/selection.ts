// What of a resource set a subscription is to be sent: computed once per (set, earlier set, interest) and shared by all streams alike.
import type { EncodedResource, ResourceChanges, ResourceSet } from '../translate/translation.ts';
import type { NameSet } from './name-set.ts';

/** Resources to send and names to say are gone. Its identity is a cache key for encoded responses. */
export interface Selection {
  readonly updated: readonly EncodedResource[];
  readonly removed: readonly string[];
}

/** Whose resources: those of the wildcard, or named ones. */
export type Interest = NameSet | 'all';

/** Nothing to send. */
export const nothingSelected: Selection = { updated: [], removed: [] };

/** Whether there is nothing in it. */
export function isEmpty(selection: Selection): boolean {
  return selection.updated.length === 0 && selection.removed.length === 0;
}

/** Whether the interest covers a name. */
export function covers(interest: Interest, name: string): boolean {
  return interest === 'all' || interest.has(name);
}

/** Computes selections; `SharedSelections` remembers them. */
export interface Selections {
  /** All of `set` that is of interest; named resources that do not exist are `removed`. */
  whole(set: ResourceSet, interest: Interest): Selection;
  /** What a holder of `base` lacks of `set`. */
  between(base: ResourceSet, set: ResourceSet, interest: Interest): Selection;
}

/** Selections of at most this many resources are made identical when equal, so that proxies with different contexts share bytes. */
const smallSelection = 8;
const internedSelections = 256;
/** Sets whose whole selections other contexts' equal sets take over: one per type and kind of proxy, and room for those on their way. */
const rememberedVersions = 64;

/** See the file's first line. All keys are weak: a result lives no longer than the sets and the interest it belongs to. */
export class SharedSelections implements Selections {
  readonly #wholes = new WeakMap<ResourceSet, WeakMap<object, Selection>>();
  readonly #changes = new WeakMap<ResourceSet, WeakMap<ResourceSet, ResourceChanges>>();
  readonly #betweens = new WeakMap<ResourceChanges, WeakMap<object, Selection>>();
  readonly #interned = new Map<string, Selection>();
  readonly #byVersion = new Map<string, ResourceSet>();

  whole(set: ResourceSet, interest: Interest): Selection {
    return remember(
      this.#wholes,
      set,
      keyOf(interest),
      () => this.#sameAs(set, interest) ?? this.#intern(selectWhole(set, interest)),
    );
  }

  /** The selection from another context's set with equal contents: its version says so. */
  #sameAs(set: ResourceSet, interest: Interest): Selection | undefined {
    const equal = this.#byVersion.get(set.version);
    const selection = equal && equal !== set ? this.#wholes.get(equal)?.get(keyOf(interest)) : undefined;
    if (selection === undefined) this.#remember(set);
    return selection;
  }

  #remember(set: ResourceSet): void {
    this.#byVersion.delete(set.version);
    this.#byVersion.set(set.version, set);
    if (this.#byVersion.size > rememberedVersions) dropOldest(this.#byVersion);
  }

  between(base: ResourceSet, set: ResourceSet, interest: Interest): Selection {
    if (base === set) return nothingSelected;
    const changes = remember(this.#changes, set, base, () => set.changesSince(base));
    if (isEmpty(changes)) return nothingSelected;
    return remember(this.#betweens, changes, keyOf(interest), () => this.#intern(selectChanges(changes, interest)));
  }

  #intern(selection: Selection): Selection {
    if (isEmpty(selection)) return nothingSelected;
    if (selection.updated.length + selection.removed.length > smallSelection) return selection;
    const key = JSON.stringify([selection.updated.map((r) => [r.typeUrl, r.name, r.version]), selection.removed]);
    const known = this.#interned.get(key) ?? selection;
    this.#interned.delete(key);
    this.#interned.set(key, known);
    if (this.#interned.size > internedSelections) dropOldest(this.#interned);
    return known;
  }
}

function selectWhole(set: ResourceSet, interest: Interest): Selection {
  const updated: EncodedResource[] = [];
  const removed: string[] = [];
  for (const name of interest === 'all' ? set.names() : interest.names) {
    const resource = set.get(name);
    if (resource) updated.push(resource);
    else removed.push(name);
  }
  return { updated, removed };
}

function selectChanges(changes: ResourceChanges, interest: Interest): Selection {
  if (interest === 'all') return changes;
  return {
    updated: changes.updated.filter((resource) => interest.has(resource.name)),
    removed: changes.removed.filter((name) => interest.has(name)),
  };
}

/** WeakMaps can't be keyed by a string. */
const everything = {};
const keyOf = (interest: Interest): object => (interest === 'all' ? everything : interest);

function remember<A extends object, B extends object, Value>(
  memos: WeakMap<A, WeakMap<B, Value>>,
  owner: A,
  key: B,
  make: () => Value,
): Value {
  let memo = memos.get(owner);
  if (memo === undefined) memos.set(owner, (memo = new WeakMap()));
  let value = memo.get(key);
  if (value === undefined) memo.set(key, (value = make()));
  return value;
}

function dropOldest(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
