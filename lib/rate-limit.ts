// Limits how often a caller may try, and how many callers' counts are kept: nobody can fill the memory with addresses.

/** Rate of one caller. */
export interface Rate {
  readonly perSecond: number;
  /** So many at once after a pause. */
  readonly burst: number;
}

/** Most callers kept; the one that was idle longest is forgotten first, which gives it a full bucket again. */
const maxCallers = 10_000;

/** Token buckets by caller. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: Rate, nowMs: () => number) {
    this.#rate = rate;
    this.#nowMs = nowMs;
  }

  /** Takes one; false when the caller has none left. */
  take(caller: string): boolean {
    const nowMs = this.#nowMs();
    const { perSecond, burst } = this.#rate;
    const bucket = this.#buckets.get(caller) ?? { tokens: burst, atMs: nowMs };
    // A clock that is set back must not take tokens away.
    const gained = (Math.max(0, nowMs - bucket.atMs) / 1000) * perSecond;
    const tokens = Math.min(burst, bucket.tokens + gained);
    const taken = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: taken ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > maxCallers) for (const oldest of this.#buckets.keys()) return this.#forget(oldest, taken);
    return taken;
  }

  #forget(caller: string, result: boolean): boolean {
    this.#buckets.delete(caller);
    return result;
  }
}
