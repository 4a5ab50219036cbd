// Asks an application whether it is well, the way Kubernetes' readiness probes do.
import { connect } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import { httpRequest } from './http-request.ts';

/** What to ask and how often (kubernetes.io/docs/concepts/workloads/pods/probes). */
export interface ProbeOptions {
  /** `http://127.0.0.1:19080/health` (any 2xx or 3xx is well) or `tcp://127.0.0.1:19080` (a connection is). */
  readonly url: string;
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
export function withAnswer(state: ProbeState, answer: string, options: ProbeOptions): ProbeState {
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
    this.name = `probe ${options.url}`;
    this.#options = options;
    this.#clock = options.clock;
    this.#onHealth = options.onHealth;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { url, timeoutMs = 1_000, periodMs = 2_000 } = this.#options;
    let state = unknownProbeState;
    while (!signal.aborted) {
      const before = state.health;
      state = withAnswer(state, await ask(url, timeoutMs), this.#options);
      if (state.health && state.health !== before && state.health.healthy !== before?.healthy)
        this.#onHealth(state.health);
      await this.#clock.sleep(periodMs, signal).catch(() => {});
    }
  }
}

/** One question: '' when the application is well, else what is wrong. */
export async function ask(url: string, timeoutMs: number): Promise<string> {
  if (url.startsWith('tcp://')) return askTcp(new URL(url), timeoutMs);
  try {
    const { status } = await httpRequest(url, { timeoutMs, maxBytes: 4_096 });
    return status < 400 ? '' : `${url} answered ${status}`;
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return timedOut ? `${url} did not answer within ${timeoutMs} ms` : `${url}: ${messageOf(error)}`;
  }
}

function askTcp(url: URL, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
    const answer = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(timeoutMs, () => answer(`${url.host} did not accept within ${timeoutMs} ms`));
    socket.once('connect', () => answer(''));
    socket.once('error', (error) => answer(`${url.host}: ${error.message}`));
  });
}
