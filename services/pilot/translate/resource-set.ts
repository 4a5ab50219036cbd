// Resource sets: shared between proxies, made anew at the cost of what changed, compared at the cost of what differs.
import { PersistentMap } from '../../../mesh/persistent-map.ts';
import { compareNames } from './names.ts';
import type { EncodedResource, ResourceChanges, ResourceSet } from './translation.ts';

/** Ancestors whose difference is remembered: a proxy further behind is compared in full, at the cost of one look at each name. */
const rememberedSteps = 64;

/** Names that changed since the set that `token` stands for. The token is not the set, or every set would keep all before it. */
interface Step {
  readonly token: object;
  readonly names: readonly string[];
}

/** What the sets made here have beyond the contract. */
interface Lineage {
  readonly resources: ReadonlyMap<string, EncodedResource>;
  readonly digest: bigint;
  readonly token: object;
  /** Newest first. */
  readonly steps: readonly Step[];
}

const lineages = new WeakMap<ResourceSet, Lineage>();
const noChanges: ResourceChanges = { updated: [], removed: [] };

/** A set of these resources; of two with one name the first stays. `absent`: see ResourceSet. */
export function resourceSet(resources: Iterable<EncodedResource>, absent?: ReadonlySet<string>): ResourceSet {
  const byName = new Map<string, EncodedResource>();
  for (const resource of resources) if (!byName.has(resource.name)) byName.set(resource.name, resource);
  let digest = 0n;
  for (const resource of byName.values()) digest ^= digestOf(resource);
  const sorted = new Map([...byName].sort(([a], [b]) => compareNames(a, b)));
  const set = setOf({ resources: sorted, digest, token: {}, steps: [] });
  return absent?.size ? Object.assign(set, { absent }) : set;
}

/** The set without resources. */
export const emptySet: ResourceSet = resourceSet([]);

/** `previous` with `changes` made (undefined removes); `previous` itself when they change nothing. */
export function patchedSet(
  previous: ResourceSet,
  changes: ReadonlyMap<string, EncodedResource | undefined>,
): ResourceSet {
  const before = lineages.get(previous);
  if (before === undefined) throw new TypeError('only sets made by resourceSet or patchedSet can be patched');
  let digest = before.digest;
  const real = new Map<string, EncodedResource | undefined>();
  for (const [name, after] of changes) {
    const old = before.resources.get(name);
    if (isSame(old, after)) continue;
    if (old !== undefined) digest ^= digestOf(old);
    if (after !== undefined) digest ^= digestOf(after);
    real.set(name, after);
  }
  if (real.size === 0) return previous;
  const resources = persistent(before.resources).with(real);
  const step: Step = { token: before.token, names: [...real.keys()] };
  return setOf({ resources, digest, token: {}, steps: [step, ...before.steps.slice(0, rememberedSteps - 1)] });
}

/** Two sets as one: what many proxies share and what is one's own. Where both have a name, `own` wins. */
export function joinedSet(shared: ResourceSet, own: ResourceSet): ResourceSet {
  if (own.size === 0) return shared;
  if (shared.size === 0) return own;
  const overlap = own.names().filter((name) => shared.get(name) !== undefined);
  if (overlap.length > 0) {
    const changes = new Map(own.names().map((name) => [name, own.get(name)]));
    return lineages.has(shared) ? patchedSet(shared, changes) : fullCopy(shared, changes);
  }
  return new JoinedSet(shared, own);
}

function fullCopy(shared: ResourceSet, changes: ReadonlyMap<string, EncodedResource | undefined>): ResourceSet {
  const kept = shared.names().flatMap((name) => (changes.has(name) ? [] : (shared.get(name) ?? [])));
  return resourceSet([...kept, ...[...changes.values()].flatMap((resource) => resource ?? [])]);
}

function setOf(lineage: Lineage): ResourceSet {
  const { resources } = lineage;
  const version = lineage.digest.toString(16).padStart(16, '0');
  let names: readonly string[] | undefined;
  // Proxies of one group all hold `previous` and all get this set: the difference is computed for the first of them.
  const differences = new WeakMap<ResourceSet, ResourceChanges>();
  const set: ResourceSet = {
    version,
    size: resources.size,
    get: (name) => resources.get(name),
    names: () => (names ??= [...resources.keys()]),
    changesSince: (previous) => {
      if (previous === set) return noChanges;
      let changes = differences.get(previous);
      if (changes === undefined) differences.set(previous, (changes = difference(previous, set, lineage)));
      return changes;
    },
  };
  lineages.set(set, lineage);
  return set;
}

class JoinedSet implements ResourceSet {
  readonly version: string;
  readonly size: number;
  readonly shared: ResourceSet;
  readonly own: ResourceSet;
  #names: readonly string[] | undefined;

  constructor(shared: ResourceSet, own: ResourceSet) {
    this.shared = shared;
    this.own = own;
    this.size = shared.size + own.size;
    this.version = (BigInt(`0x${shared.version}`) ^ BigInt(`0x${own.version}`)).toString(16).padStart(16, '0');
  }

  get(name: string): EncodedResource | undefined {
    return this.own.get(name) ?? this.shared.get(name);
  }

  names(): readonly string[] {
    return (this.#names ??= [...this.shared.names(), ...this.own.names()].sort(compareNames));
  }

  changesSince(previous: ResourceSet): ResourceChanges {
    if (previous === this) return noChanges;
    if (!(previous instanceof JoinedSet)) return compareAll(previous, this);
    const shared = this.shared.changesSince(previous.shared);
    const own = this.own.changesSince(previous.own);
    if (isEmpty(own)) return shared;
    if (isEmpty(shared)) return own;
    // A name that moved from one half to the other is neither removed nor, if equal, updated.
    const names = new Set([...namesOf(shared), ...namesOf(own)]);
    return compareNamed(names, previous, this);
  }
}

function isEmpty(changes: ResourceChanges): boolean {
  return changes.updated.length === 0 && changes.removed.length === 0;
}

function namesOf(changes: ResourceChanges): readonly string[] {
  return [...changes.updated.map((resource) => resource.name), ...changes.removed];
}

function difference(previous: ResourceSet, current: ResourceSet, lineage: Lineage): ResourceChanges {
  const token = lineages.get(previous)?.token;
  const back = token === undefined ? -1 : lineage.steps.findIndex((step) => step.token === token);
  if (back === -1) return compareAll(previous, current);
  const names = new Set(lineage.steps.slice(0, back + 1).flatMap((step) => step.names));
  return compareNamed(names, previous, current);
}

function compareAll(previous: ResourceSet, current: ResourceSet): ResourceChanges {
  if (previous.size === current.size && previous.version === current.version) return noChanges;
  return compareNamed(new Set([...previous.names(), ...current.names()]), previous, current);
}

function compareNamed(names: ReadonlySet<string>, previous: ResourceSet, current: ResourceSet): ResourceChanges {
  const updated: EncodedResource[] = [];
  const removed: string[] = [];
  for (const name of names) {
    const [before, after] = [previous.get(name), current.get(name)];
    if (isSame(before, after)) continue;
    if (after === undefined) removed.push(name);
    else updated.push(after);
  }
  updated.sort((a, b) => compareNames(a.name, b.name));
  return { updated, removed: removed.sort(compareNames) };
}

function isSame(a: EncodedResource | undefined, b: EncodedResource | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.version === b.version);
}

function persistent(resources: ReadonlyMap<string, EncodedResource>): PersistentMap<EncodedResource> {
  return resources instanceof PersistentMap ? resources : PersistentMap.empty<EncodedResource>().with(resources);
}

const digests = new WeakMap<EncodedResource, bigint>();

/** 64 bits over name and version; sets combine them by XOR, so that a set's version follows from its predecessor's. */
function digestOf(resource: EncodedResource): bigint {
  let digest = digests.get(resource);
  if (digest === undefined) {
    // The name is mixed in by multiplication: equal contents under two names must not cancel out.
    digest = BigInt.asUintN(64, (BigInt(`0x${resource.version}`) ^ nameHash(resource.name)) * 0x9e3779b97f4a7c15n);
    digest = BigInt.asUintN(64, (digest ^ (digest >> 32n)) * 0xd6e8feb86659fd93n);
    digest ^= digest >> 32n;
    digests.set(resource, digest);
  }
  return digest;
}

/** FNV-1a over UTF-16 code units, in two 32-bit lanes. */
function nameHash(name: string): bigint {
  let [low, high] = [0x811c9dc5, 0xc9dc5118];
  for (let i = 0; i < name.length; i++) {
    low = Math.imul(low ^ name.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ name.charCodeAt(i), 0x01000197);
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
