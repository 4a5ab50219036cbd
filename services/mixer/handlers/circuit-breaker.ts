// Keeps callers from a back end that fails: after some failures in a row nothing is asked for a while, then one try decides. Pure but for its state.

/** When a breaker opens, and for how long. */
export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try, in ms. */
  readonly openMs: number;
}

/** Five: one lost connection fails a few calls that were under way together. 5 s: a restart of most back ends. */
export const defaultBreakerLimits: BreakerLimits = { failures: 5, openMs: 5_000 };

/** See the file's first line. */
export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  readonly #nowMs: () => number;
  #failures = 0;
  #openUntilMs = 0;
  #trying = false;

  constructor(limits: BreakerLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get isOpen(): boolean {
    return this.#failures >= this.#limits.failures;
  }

  /** Whether a call may go through; who gets `true` must report `succeeded` or `failed`. */
  admit(): boolean {
    if (!this.isOpen) return true;
    if (this.#trying || this.#nowMs() < this.#openUntilMs) return false;
    this.#trying = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#trying = false;
  }

  failed(): void {
    this.#failures++;
    this.#trying = false;
    if (this.isOpen) this.#openUntilMs = this.#nowMs() + this.#limits.openMs;
  }
}
