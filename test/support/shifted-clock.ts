// The machine's clock with hours to add: who sleeps until then wakes at once.
import type { Clock } from '../../lib/clock.ts';

/** See the file's first line. */
export class ShiftedClock implements Clock {
  #shiftMs = 0;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return Date.now() + this.#shiftMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#sleepers.delete(sleeper);
      };
      const wake = () => {
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal?.reason);
      };
      // Timers can't be longer than 2^31 ms.
      const timer = setTimeout(wake, Math.min(ms, 2 ** 31 - 1));
      const sleeper = { untilMs: this.nowMs() + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Lets `ms` pass. */
  pass(ms: number): void {
    this.#shiftMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.untilMs <= this.nowMs()) sleeper.wake();
  }
}
