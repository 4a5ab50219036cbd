// An immutable map whose next version costs what changed, not what it holds; iteration is in key order.
import { compareStrings, lowerBound } from './compare.ts';

/** Few enough that copying the table is a memcpy of 4 KB, enough that a chunk of 20,000 entries' map has 40. */
const chunkCount = 512;
type Chunks<V> = readonly (ReadonlyMap<string, V> | undefined)[];

function chunkOf(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return (hash ^ (hash >>> 15)) & (chunkCount - 1);
}

/** A ReadonlyMap with string keys. `with` makes the next version and shares everything unchanged with this one. */
export class PersistentMap<V> implements ReadonlyMap<string, V> {
  readonly #chunks: Chunks<V>;
  readonly #keys: readonly string[];

  private constructor(chunks: Chunks<V>, keys: readonly string[]) {
    this.#chunks = chunks;
    this.#keys = keys;
  }

  /** The map without entries. */
  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(new Array(chunkCount).fill(undefined), []);
  }

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): V | undefined {
    return this.#chunks[chunkOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#chunks[chunkOf(key)]?.has(key) ?? false;
  }

  /** This map with `changes` made: undefined removes. The same map when nothing differs. */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    const chunks = [...this.#chunks] as (Map<string, V> | undefined)[];
    const copied = new Set<number>();
    const added: string[] = [];
    const removed: string[] = [];
    let differs = false;
    for (const [key, value] of changes) {
      const at = chunkOf(key);
      const old = chunks[at]?.get(key);
      if (old === value) continue;
      differs = true;
      if (!copied.has(at)) {
        copied.add(at);
        chunks[at] = new Map(chunks[at]);
      }
      if (value === undefined) {
        chunks[at]?.delete(key);
        removed.push(key);
      } else {
        chunks[at]?.set(key, value);
        if (old === undefined) added.push(key);
      }
    }
    return differs ? new PersistentMap<V>(chunks, nextKeys(this.#keys, added, removed)) : this;
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) visit.call(thisArg, value, key, this);
  }

  keys(): MapIterator<string> {
    return this.#keys.values();
  }

  *values(): Generator<V, undefined> {
    for (const key of this.#keys) yield this.get(key) as V;
  }

  *entries(): Generator<[string, V], undefined> {
    for (const key of this.#keys) yield [key, this.get(key) as V];
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}

/** Beyond this many changes sorting everything is cheaper than placing each. */
const manyChanges = 32;

function nextKeys(keys: readonly string[], added: readonly string[], removed: readonly string[]): readonly string[] {
  if (added.length === 0 && removed.length === 0) return keys;
  if (added.length + removed.length > manyChanges) {
    const gone = new Set(removed);
    return keys
      .filter((key) => !gone.has(key))
      .concat(added)
      .sort(compareStrings);
  }
  const next = [...keys];
  for (const key of removed) next.splice(lowerBound(next, key, compareStrings), 1);
  for (const key of added) next.splice(lowerBound(next, key, compareStrings), 0, key);
  return next;
}
