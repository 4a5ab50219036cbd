// Immutable sets of resource names, shared by all streams that ask for the same ones: 300 proxies name the same 500 clusters.
import { createHash } from 'node:crypto';

/** Names a client asked for. Equal lists interned by one `NameInterner` are the same object, so identity is a cache key. */
export class NameSet {
  /** In the order of the request. */
  readonly names: ReadonlySet<string>;
  /** The bytes that it was decoded from, to recognise the same list again without decoding it; empty for derived sets. */
  readonly raw: Uint8Array;
  readonly #unions = new WeakMap<NameSet, NameSet>();
  readonly #differences = new WeakMap<NameSet, NameSet>();

  constructor(names: Iterable<string>, raw: Uint8Array = new Uint8Array()) {
    this.names = new Set(names);
    this.raw = raw;
  }

  get size(): number {
    return this.names.size;
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** This set and the other; the same object each time for the same two sets. */
  union(other: NameSet): NameSet {
    if (other.size === 0 || other === this) return this;
    if (this.size === 0) return other;
    return remember(this.#unions, other, () => {
      const union = new Set(this.names);
      for (const name of other.names) union.add(name);
      return union.size === this.size ? this : new NameSet(union);
    });
  }

  /** This set without the other; the same object each time for the same two sets. */
  without(other: NameSet): NameSet {
    if (other.size === 0 || this.size === 0) return this;
    return remember(this.#differences, other, () => {
      const rest = new Set(this.names);
      for (const name of other.names) rest.delete(name);
      return rest.size === this.size ? this : new NameSet(rest);
    });
  }
}

/** No names. */
export const noNames = new NameSet([]);

function remember(memo: WeakMap<NameSet, NameSet>, key: NameSet, make: () => NameSet): NameSet {
  const known = memo.get(key);
  if (known) return known;
  const made = make();
  memo.set(key, made);
  return made;
}

/** Gives one NameSet per distinct list of names seen lately. */
export class NameInterner {
  readonly #maxBytes: number;
  readonly #sets = new Map<string, NameSet>();
  #bytes = 0;

  /** `maxBytes` bounds what is remembered: 8 MiB is some 200 lists of 500 names; a list that was forgotten is only decoded anew. */
  constructor(options: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
  }

  /** The set of the list that `raw` (the request's field records) encodes; `decode` is called when it is not known. */
  intern(raw: Uint8Array, decode: () => Iterable<string>): NameSet {
    if (raw.length === 0) return noNames;
    const key =
      raw.length <= 64 ? Buffer.from(raw).toString('latin1') : createHash('sha256').update(raw).digest('base64');
    const known = this.#sets.get(key);
    if (known) {
      this.#sets.delete(key);
      this.#sets.set(key, known);
      return known;
    }
    const made = new NameSet(decode(), Uint8Array.from(raw));
    this.#sets.set(key, made);
    this.#bytes += raw.length;
    this.#evict();
    return made;
  }

  #evict(): void {
    for (const [key, set] of this.#sets) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#sets.delete(key);
      this.#bytes -= set.raw.length;
    }
  }
}
