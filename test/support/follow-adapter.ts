// Runs an adapter with its runner over a log in memory, for tests that look at the registry it makes.

import type { Adapter } from '../../adapters/adapter.ts';
import { snapshotOf } from '../../adapters/adapter-contract.ts';
import { type PlatformRules, platformRules } from '../../adapters/platform-rules.ts';
import { AdapterRunner } from '../../adapters/runner.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import type { Endpoint, Service } from '../../events/model.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { waitFor } from './wait-for.ts';

/** A followed platform. */
export type Followed = ReturnType<typeof followAdapter>;

/** Starts it under the rules for platforms; `stop` ends it. */
export function followAdapter(
  adapter: Adapter,
  { log = new MemoryLog(), rules = {} }: { readonly log?: MemoryLog; readonly rules?: Partial<PlatformRules> } = {},
) {
  const options = { adapter, log, clock: systemClock, logger: silentLogger, ...platformRules(), ...rules };
  const runner = new AdapterRunner(options);
  const controller = new AbortController();
  const running = runner.run(controller.signal);
  const registry = async () => (await snapshotOf(log)).registry;
  const endpoints = async (): Promise<readonly Endpoint[]> => {
    const all = await registry();
    return [...all.services.keys()].flatMap((key) => all.endpoints(key));
  };
  const services = async (): Promise<readonly Service[]> => [...(await registry()).services.values()];
  const state = () => runner.status.value;
  const until = (what: string, fact: () => Promise<boolean> | boolean, limitMs = 60_000) =>
    waitFor(fact, { what: () => `${what}; the adapter: ${JSON.stringify(state())}`, everyMs: 20, limitMs });
  return {
    ...{ log, runner, registry, endpoints, services, state, until },
    untilState: (wanted: string) => until(wanted, () => state()?.state === wanted),
    untilEndpoints: (count: number) => until(`${count} endpoints`, async () => (await endpoints()).length === count),
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}
