// A count store in memory: what one process counts alone.
import type { CountChange, CountStore, StoredCount } from '../count-store.ts';

interface Kept extends StoredCount {
  readonly untilMs: number;
}

/** See the file's first line. `nowMs` tells when values run out. */
export class MemoryCounts implements CountStore {
  readonly #nowMs: () => number;
  readonly #maxKeys: number;
  readonly #kept = new Map<string, Kept>();
  #revision = 0;

  constructor(nowMs: () => number, maxKeys = 100_000) {
    this.#nowMs = nowMs;
    this.#maxKeys = maxKeys;
  }

  async read(key: string): Promise<StoredCount | undefined> {
    const kept = this.#live(key);
    return kept === undefined ? undefined : { value: kept.value, revision: kept.revision };
  }

  async write(key: string, value: string, { revision, keepMs }: CountChange): Promise<number | 'conflict' | 'full'> {
    const kept = this.#live(key);
    if ((kept?.revision ?? 0) !== revision) return 'conflict';
    if (kept === undefined && this.#kept.size >= this.#maxKeys) return 'full';
    this.#kept.set(key, { value, revision: ++this.#revision, untilMs: this.#nowMs() + (keepMs ?? Infinity) });
    return this.#revision;
  }

  #live(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#nowMs()) return kept;
    this.#kept.delete(key);
    return undefined;
  }
}
