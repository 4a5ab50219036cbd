// A bell between parts of one process: rings are never lost and never queue up.

/** See the file's first line. */
export class WakeUp {
  #isRung = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isRung = true;
    this.#resolve?.();
  }

  /** Resolves at the next ring, at once when one came since the last wait; rejects with the signal's reason. For one waiter. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isRung) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        this.#resolve = () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      });
    }
    this.#resolve = undefined;
    this.#isRung = false;
  }
}
