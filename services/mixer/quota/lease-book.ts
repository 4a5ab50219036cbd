// Keeps the ledgers of leases where all Mixers see them: each renewal is a conditional write.
import type { CountStore } from '../../../events/count-store.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { type LeaseRequest, type Ledger, type Renewal, renewLease } from './lease-ledger.ts';
import { digestOf } from './quota-charge.ts';

/** Attempts at one renewal, each lost to another Mixer's: proxies renew every few seconds, so two rarely meet. */
const maxAttempts = 20;

/** Leases in one store. */
export class LeaseBook {
  readonly #store: CountStore;

  constructor(store: CountStore) {
    this.#store = store;
  }

  /** Renews a lease of the quota that `name` names. Rejects with MeshError `unavailable` when the store is away or full. */
  async renew(name: string, request: LeaseRequest): Promise<Omit<Renewal, 'ledger'>> {
    const key = digestOf(`leases ${name}`);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const stored = await this.#store.read(key);
      const before = stored === undefined ? [] : (JSON.parse(stored.value) as Ledger);
      const { ledger, amount, fair } = renewLease(before, request);
      const change = { revision: stored?.revision ?? 0, keepMs: 2 * request.ttlMs };
      const written = await this.#store.write(key, JSON.stringify(ledger), change);
      if (typeof written === 'number') return { amount, fair };
      if (written === 'full') throw new MeshError('unavailable', 'there is no room for another lease');
    }
    throw new MeshError('unavailable', 'other Mixers keep renewing the same leases');
  }
}
