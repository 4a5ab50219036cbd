// From a platform's flapping to pushes: the shared runner under a clock of the test's, a real Pilot, and a proxy's stream.
import { afterEach, describe, expect, it } from 'vitest';
import type { Observed } from '../adapters/adapter.ts';
import { platformRules } from '../adapters/platform-rules.ts';
import { ManualClock, startAdapter } from '../adapters/runner-fixture.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import type { Endpoint, Health, Service } from '../events/model.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Pilot } from '../services/pilot/pilot.ts';
import { typeUrls } from '../services/pilot/translate/translation.ts';
import { AdsClient, type Received } from '../services/pilot/xds/ads-client-fixture.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const windowSeconds = platformRules().flapWindowMs / 1_000;
const common = { namespace: 'default', platform: 'consul', clusterId: 'dc1', labels: {} } as const;
const service = (name: string): Observed => {
  const value: Service = {
    ...{ ...common, hostname: `${name}.example`, name, addresses: [] },
    ...{ ports: [{ name: 'http', port: 80, protocol: 'HTTP' }], resolution: 'STATIC', location: 'MESH_INTERNAL' },
  };
  return { kind: 'service', value };
};
const endpoint = (name: string, address: string, health: Health = 'healthy'): Observed => {
  const value: Endpoint = {
    ...{ ...common, hostname: `${name}.example`, id: address, address, ports: { http: 80 }, health },
  };
  return { kind: 'endpoint', value };
};

async function startPilot(facts: MemoryLog): Promise<Pilot> {
  const pilot = new Pilot({
    ...{ facts, deliveries: new MemoryLog(), clock: systemClock, logger: silentLogger, name: 'test' },
    ...{ xds: { host: '127.0.0.1', port: 0 }, recorder: { flushMs: 1 } },
  });
  const stop = new AbortController();
  const ended = pilot.run(stop.signal);
  cleanups.push(async () => {
    stop.abort();
    await ended;
  });
  await expect.poll(() => pilot.ready(), { timeout: 30_000 }).toBe(true);
  return pilot;
}

/** The endpoints of two services, as a proxy follows them. Each push that comes is kept and acknowledged. */
async function follow(pilot: Pilot) {
  const client = new AdsClient(pilot.xdsPort, 'delta', { id: 'sidecar~10.9.0.1~x.default~default.svc.cluster.local' });
  cleanups.push(() => client.close());
  client.delta({ typeUrl: typeUrls.cluster });
  client.ack(await client.next());
  const resourceNamesSubscribe = ['outbound|80||web.example', 'outbound|80||db.example'];
  client.delta({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe });
  const pushes: Received[] = [];
  const next = async () => {
    const push = await client.next();
    client.ack(push);
    pushes.push(push);
  };
  const until = async (text: string) => {
    while (!pushes.some(({ resources }) => resources.some((resource) => resource.includes(text)))) await next();
  };
  return {
    until,
    of: (name: string) => pushes.filter(({ resources }) => resources.some((each) => each.includes(name))),
  };
}

describe('an endpoint that flaps once a second', () => {
  it('gives at most one push in a window of five seconds, and slows nobody else', async () => {
    const facts = new MemoryLog();
    const clock = new ManualClock();
    const { sink, stop } = await startAdapter(facts, { clock, ...platformRules() });
    cleanups.push(stop);
    const web = (health: Health) =>
      sink.replace('web', [service('web'), endpoint('web', '10.0.0.1', health), endpoint('web', '10.0.0.2')]);
    const db = (...addresses: string[]) =>
      sink.replace('db', [service('db'), ...addresses.map((address) => endpoint('db', address))]);
    await web('healthy');
    await db('10.1.0.1');
    await sink.synced(['web', 'db']);
    await clock.advance(60_000);
    const proxy = await follow(await startPilot(facts));
    await proxy.until('web.example');
    const before = proxy.of('web.example').length;

    const seconds = 30;
    for (let second = 0; second < seconds; second++) {
      await web(second % 2 === 0 ? 'unhealthy' : 'healthy');
      if (second === 12) {
        // The clock stands still until the proxy has it: no window is waited for.
        await db('10.1.0.1', '10.1.0.77');
        await proxy.until('10.1.0.77');
      }
      await clock.advance(1_000);
    }
    // What is pushed comes in order: after this, all that flapping gave has come.
    await db('10.1.0.1', '10.1.0.77', '10.1.0.99');
    await proxy.until('10.1.0.99');
    const pushes = proxy.of('web.example').length - before;
    expect(pushes).toBeGreaterThan(0);
    expect(pushes).toBeLessThanOrEqual(seconds / windowSeconds);
  });

  it('is told with the time at which the platform showed it, however late that is', async () => {
    const facts = new MemoryLog();
    const clock = new ManualClock();
    const { sink, stop } = await startAdapter(facts, { clock, ...platformRules() });
    cleanups.push(stop);
    const look = (health: Health) => sink.replace('web', [service('web'), endpoint('web', '10.0.0.1', health)]);
    await look('healthy');
    await look('unhealthy');
    await clock.advance(1_000);
    const shownAt = new Date(clock.nowMs()).toISOString();
    await look('healthy');
    await clock.advance(10_000);
    const times: string[] = [];
    for await (const { subject, time } of facts.read()) if (subject.endsWith('10.0.0.1')) times.push(time);
    expect(times).toHaveLength(3);
    expect(times.at(-1)).toBe(shownAt);
  });
});
