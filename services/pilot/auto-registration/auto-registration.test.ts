// Auto-registration on a log: connecting, leaving, coming back in time, other Pilots, groups that come late, a log that fails.
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import type { Clock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { SnapshotBuilder } from '../../../mesh/snapshot-builder.ts';
import { type BareFact, configApplied, resourceOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../translate/context-fixture.ts';
import type { StreamIdentity } from '../xds/stream-observer.ts';
import { AutoRegistration } from './auto-registration.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const group = configApplied(resourceOf('WorkloadGroup', 'vms', { template: { labels: { app: 'vm' } } }));

/** Time passes when the test says so. Sleepers wake a moment before it is due by `nowMs`, as Node's timers do. */
function manualClock() {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: (ms) => new Promise((wake) => sleepers.push({ dueMs: nowMs + ms - 1, wake })),
  };
  const pass = (ms: number) => {
    nowMs += ms;
    for (const sleeper of sleepers.filter(({ dueMs }) => dueMs <= nowMs)) sleeper.wake();
  };
  return { clock, pass };
}

let facted = 0;
async function append(facts: MemoryLog, fact: BareFact): Promise<void> {
  const envelope = {
    id: `f${++facted}`,
    source: '/test',
    time: '2026-01-01T00:00:00.000Z',
    actor: 'user:t',
    causes: [],
  };
  await facts.append([{ event: { ...fact, ...envelope } }]);
}

function stream(streamId: string, address = '10.0.0.7'): StreamIdentity {
  return {
    streamId,
    proxyId: `sidecar~${address}~vm.default~default.svc.cluster.local`,
    peer: '',
    userAgent: '',
    protocol: 'delta',
    context: sidecarContext({ addresses: [address], metadata: { AUTO_REGISTER_GROUP: 'vms' } }),
  };
}

async function world(facts = new MemoryLog()) {
  const { clock, pass } = manualClock();
  const start = (pilot: string) => {
    const registration = new AutoRegistration({ facts, clock, logger: silentLogger, pilot });
    const stop = new AbortController();
    const ended = registration.run(stop.signal);
    stops.push(async () => {
      stop.abort();
      pass(1e9);
      await ended;
    });
    return registration;
  };
  const snapshot = async () => {
    const builder = new SnapshotBuilder({});
    for await (const event of facts.read()) builder.apply(event);
    return builder.snapshot();
  };
  const entries = async () => (await snapshot()).config.list('WorkloadEntry').map(({ name }) => name);
  return { facts, pass, start, snapshot, entries };
}

describe('AutoRegistration', () => {
  it('registers a workload while its proxy is connected, and for ten seconds more', async () => {
    const { facts, pass, start, snapshot, entries } = await world();
    await append(facts, group);
    const registration = start('a');
    registration.snapshotChanged(await snapshot());
    registration.connected(stream('1'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
    registration.disconnected(stream('1'));
    pass(9_998);
    expect(await entries()).toEqual(['vms-10.0.0.7']);
    pass(1);
    await expect.poll(entries).toEqual([]);
  });

  it('writes nothing when the proxy is back in time, or has another stream', async () => {
    const { facts, pass, start, snapshot, entries } = await world();
    await append(facts, group);
    const registration = start('a');
    registration.snapshotChanged(await snapshot());
    registration.connected(stream('1'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
    const { position } = await facts.head();
    registration.disconnected(stream('1'));
    registration.connected(stream('2'));
    pass(20_000);
    registration.connected(stream('3'));
    registration.disconnected(stream('2'));
    pass(20_000);
    // A second workload's entry shows that all of the above has been looked at.
    registration.connected(stream('4', '10.0.0.8'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7', 'vms-10.0.0.8']);
    expect((await facts.head()).position).toBe(position + 1);
  });

  it('leaves an entry to the Pilot that the proxy went to', async () => {
    const { facts, pass, start, snapshot, entries } = await world();
    await append(facts, group);
    const [a, b] = [start('a'), start('b')];
    for (const pilot of [a, b]) pilot.snapshotChanged(await snapshot());
    a.connected(stream('1'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
    a.disconnected(stream('1'));
    b.connected(stream('2'));
    const controller = async () =>
      (await snapshot()).config.list('WorkloadEntry')[0]?.annotations?.['istio.io/workloadController'];
    await expect.poll(controller).toBe('b');
    pass(20_000);
    a.connected(stream('3', '10.0.0.8'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7', 'vms-10.0.0.8']);
  });

  it('registers when the group comes later, and again when somebody removed the entry', async () => {
    const { facts, start, snapshot, entries } = await world();
    const registration = start('a');
    registration.snapshotChanged(await snapshot());
    registration.connected(stream('1'));
    await append(facts, group);
    registration.snapshotChanged(await snapshot());
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
    registration.snapshotChanged(await snapshot());
    const where = { kind: 'WorkloadEntry', namespace: 'default', name: 'vms-10.0.0.7' };
    await append(facts, {
      type: 'io.periplus.config.deleted',
      subject: 'config/WorkloadEntry/default/vms-10.0.0.7',
      data: where,
    });
    expect(await entries()).toEqual([]);
    registration.snapshotChanged(await snapshot());
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
  });

  it('removes after a restart what it had registered and whose proxy did not come back', async () => {
    const { facts, pass, start, snapshot, entries } = await world();
    await append(facts, group);
    const before = start('a');
    before.snapshotChanged(await snapshot());
    before.connected(stream('1'));
    before.connected(stream('2', '10.0.0.8'));
    await expect.poll(entries).toEqual(['vms-10.0.0.7', 'vms-10.0.0.8']);
    await stops.pop()?.();
    const after = start('a');
    after.snapshotChanged(await snapshot());
    after.connected(stream('3'));
    pass(10_000);
    await expect.poll(entries).toEqual(['vms-10.0.0.7']);
  });

  it('tries again when the log fails', async () => {
    const facts = new MemoryLog();
    const real = facts.append.bind(facts);
    const { pass, start, snapshot, entries } = await world(facts);
    await append(facts, group);
    let failures = 0;
    facts.append = async (batch) => {
      if (failures++ < 2) throw new MeshError('unavailable', 'the log is away');
      return await real(batch);
    };
    const registration = start('a');
    registration.snapshotChanged(await snapshot());
    registration.connected(stream('1'));
    await expect
      .poll(async () => {
        pass(500);
        return await entries();
      })
      .toEqual(['vms-10.0.0.7']);
    expect(failures).toBe(3);
  });
});
