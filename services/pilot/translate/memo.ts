// Memoisation on the identity of inputs: what did not change is neither computed nor encoded again.

/** Combinations of plain values remembered per combination of objects; the oldest goes first. Contexts differ in few such values. */
const maxPlainKeys = 4096;

/**
 * Remembers values by the objects and plain values (strings, numbers, booleans, undefined) they were computed from. An
 * entry lives while all its objects live, so replacing a service or a rule frees what was made from the old one; nothing
 * has to be swept. Use one Memo per lineage of snapshots: a what-if snapshot needs its own.
 */
export interface Memo {
  /**
   * The value that `compute` gave for these `deps`, compared by identity; `compute` may read nothing else. `id` names the
   * computation and is unique in the program. Give at least one object, or the value is kept for ever.
   */
  get<T>(id: string, deps: readonly unknown[], compute: () => T): T;
  /**
   * As `get`, for what has one value at a time: the value of the last call for this `id` and `owner`, if the deps are the same. A look-up
   * costs one step and a comparison, whatever the number of deps.
   */
  latest<T>(id: string, owner: object, deps: readonly unknown[], compute: () => T): T;
  /**
   * `value`, or the array given before for the same `id` and `owner` if the elements are the same: gives lists that are
   * computed anew an identity that lasts while their contents do.
   */
  stable<T>(id: string, owner: object, value: readonly T[]): readonly T[];
}

/** An empty memo. */
export function createMemo(): Memo {
  const roots = new Map<string, Node>();
  const lists = new WeakMap<object, Map<string, readonly unknown[]>>();
  const newest = new Map<string, WeakMap<object, Latest>>();
  return {
    get: (id, deps, compute) => {
      let root = roots.get(id);
      if (root === undefined) roots.set(id, (root = newNode()));
      return lookUp(root, deps, compute);
    },
    latest: (id, owner, deps, compute) => {
      let owners = newest.get(id);
      if (owners === undefined) newest.set(id, (owners = new WeakMap()));
      const known = owners.get(owner);
      if (known !== undefined && isSame(known.deps, deps)) return known.value as ReturnType<typeof compute>;
      const value = compute();
      owners.set(owner, { deps, value });
      return value;
    },
    stable: (id, owner, value) => stableList(lists, id, owner, value),
  };
}

/** A step down the objects among the deps; plain values are looked up at the last one, so that they die with the objects. */
interface Node {
  next: WeakMap<object, Node> | undefined;
  values: Map<string, Leaf> | undefined;
  leaf: Leaf | undefined;
}
interface Leaf {
  readonly value: unknown;
}
interface Latest {
  readonly deps: readonly unknown[];
  readonly value: unknown;
}

function newNode(): Node {
  return { next: undefined, values: undefined, leaf: undefined };
}

function lookUp<T>(root: Node, deps: readonly unknown[], compute: () => T): T {
  let node = root;
  let plain = '';
  let onlyObjects = true;
  for (const dep of deps) {
    if (typeof dep === 'object' && dep !== null) {
      plain += 'o';
      node = step(node, dep);
    } else {
      onlyObjects = false;
      plain += plainKey(dep);
    }
  }
  return onlyObjects ? leafValue(node, compute) : plainValue(node, plain, compute);
}

function leafValue<T>(node: Node, compute: () => T): T {
  node.leaf ??= { value: compute() };
  return node.leaf.value as T;
}

function plainValue<T>(node: Node, plain: string, compute: () => T): T {
  node.values ??= new Map();
  const known = node.values.get(plain);
  if (known !== undefined) return known.value as T;
  const value = compute();
  if (node.values.size >= maxPlainKeys) dropOldest(node.values);
  node.values.set(plain, { value });
  return value;
}

function step(node: Node, dep: object): Node {
  node.next ??= new WeakMap();
  let next = node.next.get(dep);
  if (next === undefined) node.next.set(dep, (next = newNode()));
  return next;
}

/** Unambiguous: each value carries its type, and text its length. */
function plainKey(dep: unknown): string {
  switch (typeof dep) {
    case 'string':
      return `s${dep.length}:${dep}`;
    case 'number':
    case 'bigint':
      return `n${dep};`;
    case 'boolean':
      return dep ? 't' : 'f';
    case 'undefined':
      return 'u';
    default:
      if (dep === null) return 'z';
      throw new TypeError(`a memo can't take a ${typeof dep} as an input`);
  }
}

function dropOldest(values: Map<string, Leaf>): void {
  for (const key of values.keys()) {
    values.delete(key);
    return;
  }
}

function stableList<T>(
  lists: WeakMap<object, Map<string, readonly unknown[]>>,
  id: string,
  owner: object,
  value: readonly T[],
): readonly T[] {
  let ofOwner = lists.get(owner);
  if (ofOwner === undefined) lists.set(owner, (ofOwner = new Map()));
  const before = ofOwner.get(id);
  if (before !== undefined && isSame(before, value)) return before as readonly T[];
  ofOwner.set(id, value);
  return value;
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((element, i) => element === other[i]);
}
