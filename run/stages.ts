// Runs services in stages that start together and stop one after the other, so that nothing loses what it stands on.
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type Service, supervise } from '../lib/service.ts';

/** Services that stop together. */
export interface Stage {
  readonly name: string;
  readonly services: readonly Service[];
}

/**
 * Runs every stage until `signal` aborts, then stops them in their order, each when the one before has ended. Resolves when all have.
 * `onStopping` is told which stage is being stopped.
 */
export async function runStages(
  stages: readonly Stage[],
  options: {
    readonly signal: AbortSignal;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onStopping?: (stage: Stage) => void;
  },
): Promise<void> {
  const { signal, clock, logger, onStopping } = options;
  const running = stages.map((stage) => {
    const stop = new AbortController();
    return { stage, stop, ended: supervise(stage.services, { signal: stop.signal, clock, logger }) };
  });
  await aborted(signal);
  for (const { stage, stop, ended } of running) {
    if (stage.services.length > 0) onStopping?.(stage);
    stop.abort(signal.reason);
    await ended;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
