// Chains that were issued for one-time credentials a short while ago: who shows them again with the same key, because the answer got lost,
// gets the same chain and no second certificate.
import type { OneTimeUse } from '../attest/attestor.ts';

/** What was issued. */
export interface IssuedChain {
  readonly chain: readonly string[];
  /** RFC 3339. */
  readonly notAfter: string;
}

/** A mesh of this size starts at once; a chain has some 3 KB. */
const maxChains = 5_000;

/** See the file's first line. */
export class RecentChains {
  readonly #nowMs: () => number;
  /** By identity and key, the oldest first. */
  readonly #chains = new Map<string, Promise<IssuedChain>>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The chain of `key` (identity and key's hash) as it was issued, or what `issue` gives. Rejects as `issue` does. */
  async chainFor(key: string, use: OneTimeUse, issue: () => Promise<IssuedChain>): Promise<readonly string[]> {
    const known = use === 'again' ? await this.#chains.get(key)?.catch(() => undefined) : undefined;
    if (known && Date.parse(known.notAfter) > this.#nowMs()) return known.chain;
    const issuing = issue();
    this.#chains.delete(key);
    this.#chains.set(key, issuing);
    const [oldest] = this.#chains.keys();
    if (this.#chains.size > maxChains && oldest !== undefined) this.#chains.delete(oldest);
    return (await issuing).chain;
  }
}
