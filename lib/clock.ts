// Time as a dependency, so that tests decide what time it is.

/** Wall clock and timers. Pure code never sees it: time arrives there inside events. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Resolves after `ms` (a millisecond early by `nowMs`, at times), or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Node's timers can not be longer, 24 days, and come at once when asked to be. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      let leftMs = ms;
      let timer: NodeJS.Timeout | undefined;
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const wait = () => {
        const stepMs = Math.min(leftMs, maxTimerMs);
        leftMs -= stepMs;
        timer = setTimeout(leftMs > 0 ? wait : wake, stepMs);
      };
      const wake = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      wait();
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
