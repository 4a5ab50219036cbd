// Parts for Citadel's tests: a clock that stands still until told, keys in memory, a CA on a log in memory.
import { MemoryLog } from '../../events/logs/memory.ts';
import type { Clock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { CertificateAuthority, type CertificateAuthorityOptions } from './ca/certificate-authority.ts';
import type { BundleHolder } from './ca/rotation.ts';
import type { KeyStore } from './keys/key-store.ts';
import { generateKeyPair, type KeyPair, keyHash } from './x509/keys.ts';

/** A clock that moves only by `advance`, which wakes whoever's sleep is over. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  constructor(nowMs = Date.UTC(2026, 10, 22, 15)) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Moves time on and lets what was woken run. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Keys in memory, for tests. */
export class MemoryKeyStore implements KeyStore {
  readonly description = 'memory';
  readonly keys = new Map<string, KeyPair>();

  async create(...[type]: Parameters<KeyStore['create']>) {
    const { publicKey, privateKey } = await generateKeyPair(type);
    const stored = { name: keyHash(publicKey).slice(0, 32), keys: { publicKey, privateKey } };
    this.keys.set(stored.name, stored.keys);
    return stored;
  }

  async open(name: string) {
    if (!/^[0-9a-f]{32}$/.test(name)) throw new Error('a key is named by 32 hex digits');
    return this.keys.get(name);
  }

  async remove(name: string) {
    this.keys.delete(name);
  }
}

/** A CA for `cluster.local` with everything that it stands on. */
export function testCa(more: Partial<CertificateAuthorityOptions> & { readonly clock?: ManualClock } = {}) {
  const holders: BundleHolder[] = [];
  const [facts, keys, clock] = [new MemoryLog(), new MemoryKeyStore(), more.clock ?? new ManualClock()];
  const options = {
    trustDomain: 'cluster.local',
    facts,
    keys,
    clock,
    logger: silentLogger,
    name: 'test',
    bundleHolders: () => holders,
    ...more,
  };
  return { ca: new CertificateAuthority(options), options, facts, keys, clock, holders };
}
