import { describe, expect, it } from 'vitest';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import type { Endpoint } from '../../events/model.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import { defaultMeshConfig } from '../../mesh/config/mesh-config.ts';
import { mixerHostname, mixerPortName } from '../../mesh/policy/mixer-service.ts';
import { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import { createMixer } from './mixer.ts';

const at = { config: { port: 0, address: '127.0.0.1' }, host: '127.0.0.1', name: 'mixer-1' };
const means = { clock: systemClock, logger: silentLogger, mesh: defaultMeshConfig };

function start(services: readonly Service[]): { stop(): Promise<void> } {
  const stop = new AbortController();
  const running = Promise.all(services.map((service) => service.run(stop.signal)));
  return {
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

async function endpointsIn(facts: ReturnType<typeof openMemoryLogs>['facts']): Promise<readonly Endpoint[]> {
  const builder = new SnapshotBuilder();
  for await (const event of facts.read()) builder.apply(event);
  const { registry } = builder.snapshot();
  return registry
    .servicesOf(mixerHostname)
    .flatMap(({ namespace }) => registry.endpoints(`${namespace}/${mixerHostname}`));
}

describe('a Mixer', () => {
  it('is an endpoint of its service once it serves, and leaves when it stops', async () => {
    const { facts } = openMemoryLogs();
    const mixer = createMixer({ ...at, ...means, facts });
    const running = start(mixer.services);
    const registered = start([mixer.registration]);
    await expect.poll(() => endpointsIn(facts), { timeout: 10_000 }).toHaveLength(1);
    expect(mixer.ready()).toBe(true);
    expect((await endpointsIn(facts))[0]).toMatchObject({
      address: '127.0.0.1',
      ports: { [mixerPortName]: mixer.port.value },
      health: 'healthy',
    });
    expect(mixer.metricsText()).toContain('mixer_snapshot_position');
    await registered.stop();
    expect(await endpointsIn(facts)).toEqual([]);
    await running.stop();
  });

  it('does not take out what another life of it has registered', async () => {
    const { facts } = openMemoryLogs();
    const port = 1; // never connected to: only the registration runs
    const life = () => {
      const mixer = createMixer({ ...at, ...means, facts });
      mixer.port.set(port);
      return start([mixer.registration]);
    };
    const first = life();
    await expect.poll(() => endpointsIn(facts), { timeout: 10_000 }).toHaveLength(1);
    const before = (await facts.head()).position;
    const second = life();
    await expect.poll(async () => (await facts.head()).position, { timeout: 10_000 }).toBeGreaterThan(before);
    await first.stop();
    expect(await endpointsIn(facts)).toHaveLength(1);
    await second.stop();
    expect(await endpointsIn(facts)).toEqual([]);
  });
});
