// Runs the probe that the newest settings ask for, and another one when they change.
import type { Clock } from '../lib/clock.ts';
import { Latest } from '../lib/latest.ts';
import type { Service } from '../lib/service.ts';
import { type Health, Probe, type ProbeOptions } from './probe.ts';

/** See the file's first line. */
export class ProbeKeeper implements Service {
  readonly name = 'probe keeper';
  readonly #clock: Clock;
  readonly #onHealth: (health: Health) => void;
  readonly #probe = new Latest<ProbeOptions | undefined>();

  constructor(options: { readonly clock: Clock; readonly onHealth: (health: Health) => void }) {
    this.#clock = options.clock;
    this.#onHealth = options.onHealth;
  }

  /** Whether there is something to probe. */
  get probes(): boolean {
    return this.#probe.value !== undefined;
  }

  /** What is to be probed from now on; the same again changes nothing. */
  use(probe: ProbeOptions | undefined): void {
    if (JSON.stringify(probe) !== JSON.stringify(this.#probe.value)) this.#probe.set(probe);
  }

  async run(signal: AbortSignal): Promise<void> {
    let ended = Promise.resolve();
    let last = new AbortController();
    for await (const probe of this.#probe.watch(signal)) {
      last.abort();
      await ended;
      last = new AbortController();
      const until = AbortSignal.any([signal, last.signal]);
      if (probe) ended = new Probe({ ...probe, clock: this.#clock, onHealth: this.#onHealth }).run(until);
    }
    await ended;
  }
}
