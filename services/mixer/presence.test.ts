import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Leases } from '../../events/lease.ts';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import type { Endpoint } from '../../events/model.ts';
import { systemClock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import { silentLogger } from '../../lib/logger.ts';
import { mixerHostname } from '../../mesh/policy/mixer-service.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import { watchOthers } from './presence.ts';
import { mixerRegistration } from './registration.ts';

/** Leases of one process: whoever holds a name keeps it until it is released. */
function leasesHere(): Leases & { readonly held: Set<string> } {
  const held = new Set<string>();
  return {
    held,
    exclusive: true,
    acquire: async (name, { signal }) => {
      while (held.has(name)) await systemClock.sleep(5, signal);
      held.add(name);
      const release = async () => void held.delete(name);
      return { epoch: 0, lost: new AbortController().signal, confirm: async () => true, release };
    },
  };
}

describe('Mixers that share a log', () => {
  async function start() {
    const { facts } = openMemoryLogs();
    const leases = leasesHere();
    // Others are looked at every 5 s: here at once.
    const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(5, signal) };
    const snapshots = new Latest<Snapshot>();
    const stop = new AbortController();
    const endpoints = async (): Promise<readonly Endpoint[]> => {
      const builder = new SnapshotBuilder();
      for await (const event of facts.read()) builder.apply(event);
      const snapshot = builder.snapshot();
      snapshots.set(snapshot);
      return snapshot.registry.endpoints(`periplus-system/${mixerHostname}`);
    };
    const names = async () => (await endpoints()).map(({ workload }) => workload);
    const means = { facts, leases, clock, logger: silentLogger };
    const register = (name: string, port: number) => {
      const leave = new AbortController();
      const opened = new Latest<number>();
      opened.set(port);
      const service = mixerRegistration({ ...means, clock: systemClock, port: opened, address: '127.0.0.1', name });
      const running = service.run(leave.signal);
      return async () => {
        leave.abort();
        await running;
      };
    };
    const watching = watchOthers({ ...means, snapshots, name: 'one' }).run(stop.signal);
    const end = async () => {
      stop.abort();
      await watching;
    };
    return { leases, names, register, end };
  }
  const listening = () =>
    new Promise<{ port: number; close: () => void }>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve({ port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() });
      });
    });
  const soon = { timeout: 10_000 };

  it('take one out that holds no lease and does not listen, and leave the others', async () => {
    const { leases, names, register, end } = await start();
    const [one, two, dead] = await Promise.all([listening(), listening(), listening()]);
    const leaves = [register('one', one.port), register('two', two.port), register('dead', dead.port)];
    await expect.poll(names, soon).toHaveLength(3);
    await expect.poll(() => leases.held.size, soon).toBe(3);
    // Its lease alone, as where a process is stopped for long: it still listens.
    leases.held.delete(`mixers/two-${two.port}`);
    dead.close();
    // Its port alone: the server may be starting anew.
    await expect.poll(names, soon).toHaveLength(3);
    leases.held.delete(`mixers/dead-${dead.port}`);
    await expect.poll(names, soon).toEqual(['one', 'two']);
    for (const leave of leaves) await leave();
    expect(await names()).toEqual([]);
    await end();
    one.close();
    two.close();
  });
});
