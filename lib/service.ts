// Long-running parts of a process: start them in any order, restart them with backoff, stop them together.
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { messageOf } from './mesh-error.ts';

/** A part that runs until its signal is aborted. A rejection means it failed and wants to be started again. */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Restart delays: doubling from `minMs` (quick enough for a blip) to `maxMs` (slow enough not to hammer a dead dependency). */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  /** A run that lasted this long resets the delay: it had been healthy. */
  readonly healthyAfterMs: number;
}

/** Used where a service has no reason for other numbers. */
export const defaultBackoff: Backoff = { minMs: 200, maxMs: 10_000, healthyAfterMs: 30_000 };

/** Runs all `services` until `signal` aborts, restarting each that fails or returns early. Resolves when all have ended. */
export async function supervise(
  services: readonly Service[],
  options: {
    readonly signal: AbortSignal;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly backoff?: Backoff;
  },
): Promise<void> {
  await Promise.all(services.map((service) => superviseOne(service, options)));
}

async function superviseOne(service: Service, options: Parameters<typeof supervise>[1]): Promise<void> {
  const { signal, clock, logger, backoff = defaultBackoff } = options;
  let delayMs = backoff.minMs;
  while (!signal.aborted) {
    const startedMs = clock.nowMs();
    try {
      await service.run(signal);
      if (signal.aborted) return;
      logger.warn({ service: service.name }, 'service ended by itself; starting it again');
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ service: service.name, error: messageOf(error), delayMs }, 'service failed; starting it again');
    }
    if (clock.nowMs() - startedMs >= backoff.healthyAfterMs) delayMs = backoff.minMs;
    await clock.sleep(delayMs, signal).catch(() => {});
    delayMs = Math.min(delayMs * 2, backoff.maxMs);
  }
}
