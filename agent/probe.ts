// Asks an application whether it is well, the way Kubernetes' readiness probes do.
import type { Clock } from '../lib/clock.ts';
import type { Service } from '../lib/service.ts';
import { ask, type ProbeTarget, targetName } from './probe-targets.ts';

/** What to ask and how often (kubernetes.io/docs/concepts/workloads/pods/probes). */
export type ProbeOptions = ProbeTarget & ProbeTiming;

/** How often to ask, and how many answers count. */
export interface ProbeTiming {
  /** Before the first question. Default 0. */
  readonly initialDelayMs?: number;
  /** Default 2,000: an instance that fails leaves the mesh within about five seconds. */
  readonly periodMs?: number;
  /** Default 1,000, as in Kubernetes. */
  readonly timeoutMs?: number;
  /** Failures in a row that make it unhealthy. Default 2: one lost packet or long collection is no outage. */
  readonly failureThreshold?: number;
  /** Successes in a row that make it healthy again. Default 1. */
  readonly successThreshold?: number;
}

/** What is known of the application. */
export interface Health {
  readonly healthy: boolean;
  /** What the probe said; '' when healthy. */
  readonly reason: string;
}

/** Counts results in a row. Undefined health: not enough is known yet. */
export interface ProbeState {
  readonly health: Health | undefined;
  readonly successes: number;
  readonly failures: number;
}

/** Before the first answer. */
export const unknownProbeState: ProbeState = { health: undefined, successes: 0, failures: 0 };

/** Adds one answer: '' for well, else what is wrong. Pure. */
export function withAnswer(state: ProbeState, answer: string, options: ProbeTiming): ProbeState {
  const successes = answer === '' ? state.successes + 1 : 0;
  const failures = answer === '' ? 0 : state.failures + 1;
  const well = successes >= (options.successThreshold ?? 1);
  const ill = failures >= (options.failureThreshold ?? 2);
  if (well) return { health: { healthy: true, reason: '' }, successes, failures };
  if (ill && state.health?.healthy !== false)
    return { health: { healthy: false, reason: answer }, successes, failures };
  return { health: state.health, successes, failures };
}

/** Probes for as long as it runs, telling `onHealth` when the verdict changes. */
export class Probe implements Service {
  readonly name: string;
  readonly #options: ProbeOptions;
  readonly #clock: Clock;
  readonly #onHealth: (health: Health) => void;

  constructor(options: ProbeOptions & { readonly clock: Clock; readonly onHealth: (health: Health) => void }) {
    this.name = `probe ${targetName(options)}`;
    this.#options = options;
    this.#clock = options.clock;
    this.#onHealth = options.onHealth;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { initialDelayMs = 0, timeoutMs = 1_000, periodMs = 2_000 } = this.#options;
    let state = unknownProbeState;
    if (initialDelayMs > 0) await this.#clock.sleep(initialDelayMs, signal).catch(() => {});
    while (!signal.aborted) {
      const before = state.health;
      state = withAnswer(state, await ask(this.#options, timeoutMs), this.#options);
      if (state.health && state.health !== before && state.health.healthy !== before?.healthy)
        this.#onHealth(state.health);
      await this.#clock.sleep(periodMs, signal).catch(() => {});
    }
  }
}
