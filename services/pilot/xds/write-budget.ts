// Bounds what all streams together have handed to the network and clients have not taken yet.

/** A share of memory for bytes under way; those who find it used up are woken in turn. */
export class WriteBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  readonly #waiting = new Set<() => void>();
  #waking = false;

  /** `maxBytes`: what may be under way before further streams have to wait. */
  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** Bytes under way. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether there is room; if not, `wake` is called once when there is. One message may overshoot, so that none is too large for ever. */
  hasRoom(wake: () => void): boolean {
    if (this.#usedBytes < this.#maxBytes) return true;
    this.#waiting.add(wake);
    return false;
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    if (this.#waiting.size === 0 || this.#waking || this.#usedBytes >= this.#maxBytes) return;
    this.#waking = true;
    for (const wake of this.#waiting) {
      if (this.#usedBytes >= this.#maxBytes) break;
      this.#waiting.delete(wake);
      wake();
    }
    this.#waking = false;
  }

  /** Forgets a waiter. */
  withdraw(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
