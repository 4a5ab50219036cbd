// Wakes a reader when something below a folder may have changed: by the system's notices, and slowly without them.
import { watch } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';

/** When to look again. */
export interface WatchTiming {
  /** Quiet time after a notice before looking: an editor's save is several writes. */
  readonly debounceMs: number;
  /** Look at last after this long though notices keep coming. */
  readonly maxDebounceMs: number;
  /** Look anyway after this long: notices get lost (network file systems, full inotify queues). */
  readonly rescanMs: number;
}

/** 50 ms covers an editor's save; 5 s of missed notices are bearable and cost a few stats. */
export const defaultWatchTiming: WatchTiming = { debounceMs: 50, maxDebounceMs: 1_000, rescanMs: 5_000 };

/** One folder under watch. `next` resolves when it is time to look. */
export interface FolderWatch {
  next(): Promise<void>;
}

/** Watches until `signal` aborts. A folder that can't be watched (yet) is tried again at each rescan. */
export function watchFolder(
  folder: string,
  options: { readonly signal: AbortSignal; readonly clock: Clock; readonly timing: WatchTiming },
): FolderWatch {
  const { signal, clock, timing } = options;
  let noticed = false;
  let wake = () => {};
  let watching: AbortController | undefined;
  const notice = () => {
    noticed = true;
    wake();
  };
  const stop = () => {
    watching?.abort();
    watching = undefined;
  };
  const start = () => {
    const controller = new AbortController();
    try {
      const watcher = watch(folder, { recursive: true, signal: AbortSignal.any([signal, controller.signal]) }, notice);
      watcher.on('error', stop);
      watching = controller;
    } catch {
      // The folder is not there or can't be watched: rescans find out when it is.
    }
  };
  start();
  return {
    next: async () => {
      if (!noticed) await noticeOrTimeout(clock, timing.rescanMs, signal, (resolve) => (wake = resolve));
      // A watch may have died with the folder it was on; a new one costs little.
      if (!noticed) {
        stop();
        start();
      }
      for (let waitedMs = 0; noticed && waitedMs < timing.maxDebounceMs; waitedMs += timing.debounceMs) {
        noticed = false;
        await clock.sleep(timing.debounceMs, signal);
      }
      noticed = false;
    },
  };
}

async function noticeOrTimeout(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  onWake: (resolve: () => void) => void,
): Promise<void> {
  const enough = new AbortController();
  const woken = new Promise<void>((resolve) => onWake(resolve));
  await Promise.race([woken, clock.sleep(ms, AbortSignal.any([signal, enough.signal])).catch(() => {})]);
  enough.abort();
  signal.throwIfAborted();
}
