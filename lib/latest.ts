// A channel that holds only the newest value: slow readers skip what they missed, equal writes are ignored.

/** One writer, any number of readers; what is in between two reads coalesces. */
export class Latest<T> {
  #value: T | undefined;
  #revision = 0;
  #waiters = new Set<() => void>();

  /** The newest value, or undefined before the first write. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Replaces the value and wakes every reader; writing the identical value again does nothing. */
  set(value: T): void {
    if (this.#revision > 0 && Object.is(value, this.#value)) return;
    this.#value = value;
    this.#revision++;
    for (const wake of this.#waiters) wake();
  }

  /** Yields the current value (if any) and then each newer one, until `signal` aborts. */
  async *watch(signal: AbortSignal): AsyncGenerator<T> {
    let seen = 0;
    while (!signal.aborted) {
      if (this.#revision > seen) {
        seen = this.#revision;
        yield this.#value as T;
      } else await this.#changed(signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
