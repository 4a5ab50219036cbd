import { describe, expect, it } from 'vitest';
import { releaseSubject } from '../events/adapter-facts.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import type { Endpoint, Service } from '../events/model.ts';
import type { Observed } from './adapter.ts';
import { snapshotOf } from './adapter-contract.ts';
import { holdSuddenLoss } from './loss-policy.ts';
import { platformRules } from './platform-rules.ts';
import { eventsIn, ManualClock, settled, startAdapter } from './runner-fixture.ts';

const common = { namespace: 'default', platform: 'consul' } as const;
const service = (name: string, clusterId = 'dc1'): Observed => {
  const hostname = `${name}.service.consul`;
  const value: Service = {
    ...common,
    ...{
      hostname,
      name,
      clusterId,
      addresses: [],
      ports: [],
      labels: {},
      resolution: 'STATIC',
      location: 'MESH_INTERNAL',
    },
  };
  return { kind: 'service', value };
};
const endpoint = (id: string, more: Partial<Endpoint> = {}): Observed => {
  const value: Endpoint = {
    ...common,
    ...{
      id,
      hostname: 'web.service.consul',
      clusterId: 'dc1',
      address: '10.0.0.1',
      ports: {},
      labels: {},
      health: 'healthy',
    },
    ...more,
  };
  return { kind: 'endpoint', value };
};
const endpoints = (count: number) => Array.from({ length: count }, (_, index) => endpoint(`web-${index}`));

const typesIn = async (log: MemoryLog, from = 1) =>
  (await eventsIn(log, from)).map(({ type, subject }) => `${type.split('.').at(-1)} ${subject.split('/').at(-1)}`);
const countsIn = async (log: MemoryLog) => {
  const counts: Record<string, number> = {};
  for (const { type } of await eventsIn(log)) {
    const name = type.split('.').at(-1) ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};
const requestRelease = (log: MemoryLog) =>
  log.append([
    {
      event: {
        id: 'please',
        source: '/admin',
        type: 'io.periplus.registry.loss-release-requested',
        subject: releaseSubject({ platform: 'consul', instance: 'dc1' }),
        time: '2026-01-01T00:00:30.000Z',
        actor: 'user:anna',
        causes: [],
        data: { platform: 'consul', instance: 'dc1' },
      },
    },
  ]);

describe('holdSuddenLoss', () => {
  const judge = (before: number, lost: number, added = 0) =>
    holdSuddenLoss()({
      source: '/adapters/consul/dc1',
      scopes: ['a'],
      before,
      lost,
      kinds: [{ kind: 'endpoint', before, lost, added }],
      timeMs: 0,
    });

  it.each([
    [100, 15, 'apply'],
    [100, 16, 'hold'],
    [5, 4, 'apply'],
    [6, 5, 'hold'],
    [2, 1, 'apply'],
    [1, 1, 'hold'],
    [100, 100, 'hold'],
  ] as const)('of %i things %i vanish: %s', (before, lost, verdict) => {
    expect(judge(before, lost)).toBe(verdict);
  });

  it('believes that the only thing there was is replaced by another', () => {
    expect(judge(1, 1, 1)).toBe('apply');
  });

  it('judges kinds apart: many services do not hide the loss of all endpoints', () => {
    const kinds = [
      { kind: 'service', before: 1_000, lost: 0, added: 0 },
      { kind: 'endpoint', before: 20, lost: 20, added: 0 },
    ] as const;
    expect(holdSuddenLoss()({ source: '', scopes: [], before: 1_020, lost: 20, kinds, timeMs: 0 })).toBe('hold');
  });

  it('adds up steps that follow each other quickly, but not a rolling update nor slow steps', () => {
    const step = (before: number, added: number, timeMs: number) => ({
      ...{ source: '', scopes: [], before, lost: 10, timeMs },
      kinds: [{ kind: 'endpoint', before, lost: 10, added }] as const,
    });
    const wipe = holdSuddenLoss();
    expect([wipe(step(100, 0, 0)), wipe(step(90, 0, 1_000))]).toEqual(['apply', 'hold']);
    const rolling = holdSuddenLoss();
    expect([0, 1, 2, 3].map((n) => rolling(step(100, 10, n * 1_000)))).toEqual(Array(4).fill('apply'));
    const slow = holdSuddenLoss();
    expect([slow(step(100, 0, 0)), slow(step(90, 0, 6_000))]).toEqual(['apply', 'apply']);
  });
});

describe('a sudden loss', () => {
  async function heldLoss() {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const running = await startAdapter(log, { clock, ...platformRules() });
    await running.sink.replace('web', endpoints(20));
    await running.sink.synced(['web']);
    // Later than anything that is dampened.
    await clock.advance(10_000);
    await running.sink.replace('web', [endpoint('web-0'), endpoint('new')]);
    return { log, clock, ...running };
  }

  it('is held and said: the log, the status; what is new comes through', async () => {
    const { log, runner, stop } = await heldLoss();
    expect(await countsIn(log)).toEqual({ 'endpoint-registered': 21, 'loss-held': 1 });
    const event = (await eventsIn(log)).at(-1);
    expect(event).toMatchObject({
      subject: 'registry/consul/losses/dc1',
      actor: 'adapter:consul',
      data: { before: 20, lost: 19, held: 19, releaseAt: '2026-01-01T00:10:10.000Z' },
    });
    expect(runner.status.value).toMatchObject({ heldCount: 19, heldUntil: '2026-01-01T00:10:10.000Z' });
    await stop();
  });

  it('is said once however often the platform is read', async () => {
    const { log, sink, stop } = await heldLoss();
    for (let i = 0; i < 3; i++) await sink.replace('web', [endpoint('web-0'), endpoint('new')]);
    expect((await countsIn(log))['loss-held']).toBe(1);
    await stop();
  });

  it('is over for what returns', async () => {
    const { log, sink, runner, stop } = await heldLoss();
    await sink.replace('web', [...endpoints(18), endpoint('new')]);
    expect(runner.status.value?.heldCount).toBe(2);
    expect((await eventsIn(log)).at(-1)?.data).toMatchObject({ released: 17, held: 2, reason: 'returned' });
    await stop();
  });

  it('is believed after ten minutes, though the platform says nothing more', async () => {
    const { log, clock, runner, stop } = await heldLoss();
    await clock.advance(10 * 60_000 - 1);
    expect((await countsIn(log))['endpoint-deregistered']).toBeUndefined();
    await clock.advance(1);
    expect(await countsIn(log)).toMatchObject({ 'endpoint-deregistered': 19, 'loss-released': 1 });
    expect((await eventsIn(log)).find(({ type }) => type.endsWith('endpoint-deregistered'))?.time).toBe(
      '2026-01-01T00:10:10.000Z',
    );
    expect(runner.status.value?.heldCount).toBe(0);
    await stop();
  });

  it('is not believed by time alone while the platform can not be read', async () => {
    const { log, clock, sink, stop } = await heldLoss();
    sink.lost('connection refused');
    await clock.advance(3_600_000);
    expect((await countsIn(log))['endpoint-deregistered']).toBeUndefined();
    await sink.replace('web', [...endpoints(20), endpoint('new')]);
    expect(await countsIn(log)).toMatchObject({ 'loss-released': 1 });
    await clock.advance(1_000);
    expect((await countsIn(log))['endpoint-deregistered']).toBeUndefined();
    await stop();
  });

  it('is released on request, with the request as its cause', async () => {
    const { log, runner, stop } = await heldLoss();
    await requestRelease(log);
    await settled();
    expect(await countsIn(log)).toMatchObject({ 'endpoint-deregistered': 19 });
    const events = await eventsIn(log);
    expect(events.find(({ type }) => type.endsWith('endpoint-deregistered'))?.causes).toEqual(['please']);
    expect(events.at(-1)?.data).toMatchObject({ released: 19, held: 0, reason: 'request' });
    expect(runner.status.value?.heldCount).toBe(0);
    await stop();
  });

  it('is believed when the platform itself said that the things were taken out', async () => {
    const { log, sink, stop } = await heldLoss();
    await sink.replace('web', [endpoint('web-0'), endpoint('new')], { explicit: ({ value }) => 'id' in value });
    expect(await countsIn(log)).toMatchObject({ 'endpoint-deregistered': 19 });
    expect((await eventsIn(log)).at(-1)?.data).toMatchObject({ released: 19, reason: 'explicit' });
    await stop();
  });

  it('stays held over a restart, and does not wait anew', async () => {
    const { log, clock, stop } = await heldLoss();
    await stop();
    await clock.advance(4 * 60_000);
    const again = await startAdapter(log, { clock, ...platformRules() });
    await again.sink.replace('web', [endpoint('web-0'), endpoint('new')]);
    await again.sink.synced(['web']);
    expect(again.runner.status.value).toMatchObject({ heldCount: 19, heldUntil: '2026-01-01T00:10:10.000Z' });
    await clock.advance(6 * 60_000);
    expect(await countsIn(log)).toMatchObject({ 'endpoint-deregistered': 19 });
    await again.stop();
  });

  it('is released at the restart when somebody asked for it meanwhile', async () => {
    const { log, clock, stop } = await heldLoss();
    await stop();
    await requestRelease(log);
    const again = await startAdapter(log, { clock, ...platformRules() });
    await again.sink.replace('web', [endpoint('web-0'), endpoint('new')]);
    await again.sink.synced(['web']);
    expect(await countsIn(log)).toMatchObject({ 'endpoint-deregistered': 19 });
    expect((await eventsIn(log)).at(-1)?.data).toMatchObject({ released: 19, held: 0, reason: 'request' });
    await again.stop();
  });

  it('is said to be over when everything is back after a restart', async () => {
    const { log, clock, stop } = await heldLoss();
    await stop();
    const again = await startAdapter(log, { clock, ...platformRules() });
    await again.sink.replace('web', [...endpoints(20), endpoint('new')]);
    await again.sink.synced(['web']);
    expect((await eventsIn(log)).at(-1)?.data).toMatchObject({ held: 0, reason: 'returned' });
    await again.stop();
  });
});

describe('flapping', () => {
  async function flap(looks: (up: boolean) => readonly Observed[]) {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const { sink, stop } = await startAdapter(log, { clock, ...platformRules() });
    await sink.replace('web', [...looks(true), endpoint('steady')]);
    await sink.synced(['web']);
    await clock.advance(60_000);
    const from = (await log.head()).position + 1;
    const startMs = clock.nowMs();
    for (let second = 0; second < 30; second++) {
      await sink.replace('web', [...looks(second % 2 === 1), endpoint('steady')]);
      await clock.advance(1_000);
    }
    const events = (await eventsIn(log, from)).filter(({ subject }) => subject.endsWith('flapper'));
    return { log, clock, sink, stop, from, seconds: events.map(({ time }) => (Date.parse(time) - startMs) / 1_000) };
  }

  it('of health at 1 Hz is said at most once in five seconds, and ends with the truth', async () => {
    const { log, clock, sink, stop, seconds } = await flap((up) => [
      endpoint('flapper', { health: up ? 'healthy' : 'unhealthy' }),
    ]);
    expect(seconds[0]).toBe(0);
    expect(seconds.length).toBeLessThanOrEqual(6);
    await sink.replace('web', [endpoint('flapper', { health: 'draining' }), endpoint('steady')]);
    await clock.advance(5_000);
    const { registry } = await snapshotOf(log);
    expect(registry.endpoints('default/web.service.consul').find(({ id }) => id === 'flapper')?.health).toBe(
      'draining',
    );
    await stop();
  });

  it('by coming and going is said once, and is gone when it stays away', async () => {
    const { log, clock, sink, stop, from } = await flap((up) => (up ? [endpoint('flapper')] : []));
    const deregistered = async () =>
      (await typesIn(log, from)).filter((text) => text === 'endpoint-deregistered flapper').length;
    expect(await deregistered()).toBe(1);
    await sink.replace('web', [endpoint('steady')]);
    await clock.advance(5_000);
    expect(await deregistered()).toBe(2);
    await stop();
  });

  it('slows nobody else, and never what is new', async () => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const { sink, stop } = await startAdapter(log, { clock, ...platformRules() });
    const look = (health: Endpoint['health'], ...others: Observed[]) =>
      sink.replace('web', [endpoint('flapper', { health }), ...others]);
    await look('healthy', endpoint('other'));
    await look('unhealthy', endpoint('other'));
    await look('healthy', endpoint('other', { health: 'unhealthy' }), endpoint('new'));
    expect(await typesIn(log)).toEqual([
      'endpoint-registered flapper',
      'endpoint-registered other',
      'endpoint-registered flapper',
      'endpoint-registered new',
      'endpoint-registered other',
    ]);
    await stop();
  });
});

describe('two instances of one platform', () => {
  it('do not write each other’s subjects', async () => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const one = await startAdapter(log, { clock, instance: 'dc1' });
    const two = await startAdapter(log, { clock, instance: 'dc2' });
    await one.sink.replace('web', [service('web', 'dc1'), endpoint('n1', { clusterId: 'dc1' })]);
    await two.sink.replace('web', [service('web', 'dc2'), endpoint('n1', { clusterId: 'dc2', address: '10.2.0.1' })]);
    const addresses = async () =>
      (await snapshotOf(log)).registry.endpoints('default/web.service.consul').map(({ address }) => address);
    expect(await addresses()).toEqual(['10.0.0.1', '10.2.0.1']);
    await two.sink.replace('web', []);
    expect(await addresses()).toEqual(['10.0.0.1']);
    expect((await snapshotOf(log)).registry.services.size).toBe(1);
    await Promise.all([one.stop(), two.stop()]);
  });
});
