// A runner for tests, with a platform that is steered by hand and a clock that only moves when told to.
import type { RecordedEvent } from '../events/envelope.ts';
import type { MemoryLog } from '../events/logs/memory.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Adapter, AdapterSink } from './adapter.ts';
import { AdapterRunner, type AdapterRunnerOptions } from './runner.ts';

/** Stands still until `advance`. */
export class ManualClock implements Clock {
  #nowMs = Date.parse('2026-01-01T00:00:00.000Z');
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Wakes everybody whose time has come, one after the other, and lets them finish what they do. */
  async advance(ms: number): Promise<void> {
    const toMs = this.#nowMs + ms;
    for (;;) {
      await settled();
      const next = [...this.#sleepers].sort((a, b) => a.untilMs - b.untilMs)[0];
      if (!next || next.untilMs > toMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      this.#sleepers.delete(next);
      next.wake();
    }
    this.#nowMs = toMs;
    await settled();
  }
}

/** Until everything that needs no time is done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A running adapter. */
export interface RunningAdapter {
  readonly runner: AdapterRunner;
  readonly sink: AdapterSink;
  readonly stop: () => Promise<void>;
}

/** Starts one of platform `consul`; what it shows is said through `sink`. */
export async function startAdapter(
  log: MemoryLog,
  options: Partial<AdapterRunnerOptions> & { readonly clock: Clock; readonly instance?: string },
): Promise<RunningAdapter> {
  const { instance = 'dc1' } = options;
  const shown = Promise.withResolvers<AdapterSink>();
  const adapter: Adapter = {
    platform: 'consul',
    instance,
    run: (sink, signal) => {
      shown.resolve(sink);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
  const runner = new AdapterRunner({ adapter, log, logger: silentLogger, ...options });
  const stop = new AbortController();
  const running = runner.run(stop.signal);
  const sink = await Promise.race([shown.promise, running.then(() => Promise.reject(new Error('it ended')))]);
  return {
    runner,
    sink,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** Everything in `log` from a position on. */
export async function eventsIn(log: MemoryLog, from = 1): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read({ from })) events.push(event);
  return events;
}
