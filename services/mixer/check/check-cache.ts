// Remembers verdicts by the attributes that they were made of, absent ones included: an equal request is answered without asking again.
import type { Attributes, AttributeValue } from '../../../mesh/policy/attributes.ts';
import type { Verdict } from './verdict.ts';

/** An attribute, or one entry of an attribute that is a map. */
interface Reference {
  readonly name: string;
  readonly key?: string;
}

/** Bounds of one cache. */
export interface CacheLimits {
  /** Verdicts remembered; the oldest goes first. */
  readonly maxEntries: number;
  /** Different sets of attributes that verdicts were made of: each is one more look at a miss. */
  readonly maxSignatures: number;
}

/** 10,000 verdicts are about 5 MB; rules take few paths. */
export const defaultCacheLimits: CacheLimits = { maxEntries: 10_000, maxSignatures: 16 };

interface Entry {
  readonly verdict: Verdict;
  readonly untilMs: number;
  uses: number;
}

interface Signature {
  readonly references: readonly Reference[];
  readonly entries: Map<string, Entry>;
}

/** Attributes that notes what was asked of them. */
export class RecordingAttributes implements Attributes {
  readonly references = new Map<string, Reference>();
  readonly #inner: Attributes;

  constructor(inner: Attributes) {
    this.#inner = inner;
  }

  get(name: string): AttributeValue | undefined {
    if (!this.references.has(name)) this.references.set(name, { name });
    return this.#inner.get(name);
  }

  entry(name: string, key: string): string | undefined {
    const id = `${name}\0${key}`;
    if (!this.references.has(id)) this.references.set(id, { name, key });
    return this.#inner.entry(name, key);
  }
}

/** Verdicts of one list of rules. */
export class CheckCache {
  readonly #limits: CacheLimits;
  readonly #signatures = new Map<string, Signature>();
  #size = 0;

  constructor(limits: CacheLimits = defaultCacheLimits) {
    this.#limits = limits;
  }

  /** The verdict of an equal request, if it still holds; it counts as one use. */
  find(attributes: Attributes, nowMs: number): Verdict | undefined {
    for (const { references, entries } of this.#signatures.values()) {
      const key = keyOf(references, attributes);
      const entry = entries.get(key);
      if (entry === undefined) continue;
      if (entry.untilMs > nowMs && entry.uses > 0) {
        entry.uses--;
        return entry.verdict;
      }
      entries.delete(key);
      this.#size--;
    }
    return undefined;
  }

  /** Remembers a verdict as long as it says that it holds. */
  keep(verdict: Verdict, attributes: RecordingAttributes, nowMs: number): void {
    // The first use is the request that it was made for.
    if (verdict.validForMs <= 0 || verdict.validUses <= 1) return;
    const references = [...attributes.references.values()];
    const id = [...attributes.references.keys()].join('\n');
    let signature = this.#signatures.get(id);
    if (signature === undefined) {
      if (this.#signatures.size >= this.#limits.maxSignatures) this.#forgetOldestSignature();
      this.#signatures.set(id, (signature = { references, entries: new Map() }));
    }
    const key = keyOf(references, attributes);
    if (!signature.entries.has(key)) this.#size++;
    signature.entries.set(key, { verdict, untilMs: nowMs + verdict.validForMs, uses: verdict.validUses - 1 });
    while (this.#size > this.#limits.maxEntries) this.#forgetOldest(signature);
  }

  #forgetOldest(signature: Signature): void {
    for (const { entries } of [...this.#signatures.values(), signature]) {
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        this.#size--;
        return;
      }
    }
  }

  #forgetOldestSignature(): void {
    for (const [id, { entries }] of this.#signatures) {
      this.#size -= entries.size;
      this.#signatures.delete(id);
      return;
    }
  }
}

/** Values in the order of the references; absent ones are told from every value. */
function keyOf(references: readonly Reference[], attributes: Attributes): string {
  return JSON.stringify(
    references.map(({ name, key }) => {
      const value = key === undefined ? attributes.get(name) : attributes.entry(name, key);
      if (value === undefined) return null;
      return typeof value === 'object' ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value;
    }),
  );
}
