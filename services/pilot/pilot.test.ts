// Pilot from facts to ACKs on real gRPC, with memory logs and the real translation; then the same replayed.
import { afterEach, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../events/envelope.ts';
import type { EventLog } from '../../events/event-log.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import type { Endpoint } from '../../events/model.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import {
  type BareFact,
  configApplied,
  endpointAt,
  endpointRegistered,
  healthReported,
  httpService,
  resourceOf,
  serviceRegistered,
} from '../../mesh/snapshot-fixture.ts';
import { Pilot, type PilotOptions } from './pilot.ts';
import { replayVerify } from './replay/replay-verify.ts';
import { stateAt } from './replay/state-at.ts';
import { createMemo } from './translate/memo.ts';
import { translate } from './translate/translate.ts';
import { typeUrls } from './translate/translation.ts';
import { AdsClient, type Received } from './xds/ads-client-fixture.ts';

const { cluster, endpoints, listener, route } = typeUrls;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const reviews = httpService('reviews', { addresses: ['10.1.0.1'] });
const name = 'outbound|80||reviews.default.svc.cluster.local';
const proxyId = 'sidecar~10.9.0.1~web.default~default.svc.cluster.local';
let facted = 0;

async function append(facts: EventLog, ...bare: BareFact[]): Promise<number> {
  const events = bare.map((fact) => ({
    event: {
      ...fact,
      id: `fact-${++facted}`,
      source: '/test',
      time: new Date().toISOString(),
      actor: 'user:test',
      causes: [],
    },
  }));
  return (await facts.append(events)).ok ? (await facts.head()).position : 0;
}

async function start(over: Partial<PilotOptions> = {}) {
  const [facts, deliveries] = [new MemoryLog(), new MemoryLog()];
  await append(facts, serviceRegistered(reviews), endpointRegistered(endpointAt(reviews, '10.2.0.1')));
  return { facts, deliveries, ...(await startOn({ facts, deliveries, ...over })) };
}

async function startOn(options: Pick<PilotOptions, 'facts' | 'deliveries'> & Partial<PilotOptions>) {
  const pilot = new Pilot({
    clock: systemClock,
    logger: silentLogger,
    name: 'test',
    xds: { host: '127.0.0.1', port: 0 },
    recorder: { flushMs: 1 },
    ...options,
  });
  const stop = new AbortController();
  const ended = pilot.run(stop.signal);
  const stopped = async () => {
    stop.abort();
    await ended;
  };
  cleanups.push(stopped);
  await expect.poll(() => pilot.ready()).toBe(true);
  return { pilot, stop: stopped };
}

/** A client that asks for everything as Envoy does; gives what it was last sent of each type. */
async function connected(pilot: Pilot) {
  const client = new AdsClient(pilot.xdsPort, 'delta', { id: proxyId });
  cleanups.push(() => client.close());
  const ask = async (typeUrl: string, resourceNamesSubscribe: string[] = []) => {
    client.delta({ typeUrl, resourceNamesSubscribe });
    const response = await client.next();
    client.ack(response);
    return response;
  };
  const first = [
    await ask(cluster),
    await ask(endpoints, [name]),
    await ask(listener),
    await ask(route, ['80']),
  ] as const;
  return { client, first };
}

const has = (response: Received, text: string) => response.resources.some((resource) => resource.includes(text));

async function eventsOf(log: EventLog, type?: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read(type === undefined ? {} : { types: [type] })) events.push(event);
  return events;
}

const moved = (address: string): Endpoint => endpointAt(reviews, address, { id: 'moving' });

describe('Pilot', () => {
  it('given streams that a killed life of it left open, ends these and no others', async () => {
    const { facts, deliveries, stop } = await start();
    await stop();
    const left = (pilot: string) => ({
      event: {
        id: `left-${pilot}`,
        source: `/pilot/${pilot}`,
        type: 'io.periplus.delivery.proxy-connected',
        subject: `proxy/${pilot}`,
        time: '2026-01-01T00:00:00.000Z',
        actor: `proxy:${pilot}`,
        causes: [],
        data: {
          proxyId: pilot,
          streamId: `${pilot}-1`,
          pilot,
          peer: '',
          userAgent: '',
          protocol: 'delta',
          context: {},
          position: 1,
        },
      },
    });
    await deliveries.append([left('test'), left('another')]);
    await startOn({ facts, deliveries });
    const ended = async () =>
      (await eventsOf(deliveries))
        .filter(({ type }) => type === 'io.periplus.delivery.proxy-disconnected')
        .map(({ data }) => (data as { streamId: string }).streamId);
    await expect.poll(ended).toEqual(['test-1']);
  });

  it('serves the mesh and pushes one change of it, which replays to the same content', async () => {
    const { facts, deliveries, pilot, stop } = await start();
    const { client, first } = await connected(pilot);
    expect(first.map(({ typeUrl }) => typeUrl)).toEqual([cluster, endpoints, listener, route]);
    expect(has(first[0], name)).toBe(true);
    expect(has(first[1], '10.2.0.1')).toBe(true);
    const position = await append(facts, endpointRegistered(moved('10.2.0.7')));
    const change = await client.next();
    expect([change.typeUrl, change.resources.length, has(change, '10.2.0.7')]).toEqual([endpoints, 1, true]);
    client.ack(change);
    await expect.poll(() => pilot.metrics.acks.get('eds')).toBe(2);
    await stop();
    expect(pilot.metrics.text()).toContain('pilot_xds_pushes{type="eds"} 2');
    expect(pilot.metrics.text()).toContain('pilot_proxy_convergence_time_count 1');
    expect((await eventsOf(deliveries)).at(-1)?.type).toBe('io.periplus.delivery.proxy-disconnected');
    const replayed = await replayVerify({ facts, deliveries });
    expect(replayed).toMatchObject({ ok: true, pushes: 5, checked: 5, mismatches: [], unchecked: [] });
    expect(await replayVerify({ facts, deliveries })).toEqual(replayed);
    const before = await (await stateAt({ facts, deliveries }, position)).heldBy(proxyId);
    const after = await (await stateAt({ facts, deliveries }, new Date(Date.now() + 1000).toISOString())).heldBy(
      proxyId,
    );
    const assignment = (held: typeof after) => JSON.stringify(held.find((h) => h.typeUrl === endpoints)?.resource);
    expect(assignment(before)).toContain('10.2.0.1');
    expect(assignment(before)).not.toContain('10.2.0.7');
    expect(assignment(after)).toContain('10.2.0.7');
    expect(after.every(({ resource }) => resource !== undefined)).toBe(true);
  });

  it('finds a replay that differs', async () => {
    const { facts, deliveries, pilot, stop } = await start();
    await connected(pilot);
    await stop();
    const other = new MemoryLog();
    await append(other, serviceRegistered(reviews), endpointRegistered(endpointAt(reviews, '10.66.0.1')));
    const result = await replayVerify({ facts: other, deliveries });
    expect(result.ok).toBe(false);
    expect(result.mismatches).toEqual([
      expect.objectContaining({ proxyId, typeUrl: endpoints, resource: name, position: 2 }),
    ]);
    expect((await replayVerify({ facts, deliveries })).ok).toBe(true);
    expect((await replayVerify({ facts: new MemoryLog(), deliveries })).unchecked).toHaveLength(4);
  });

  it('coalesces a storm and ends with its last state', async () => {
    const { facts, pilot } = await start();
    const { client } = await connected(pilot);
    const storm = Array.from({ length: 300 }, (_, i) =>
      append(facts, endpointRegistered(moved(`10.3.${i >> 8}.${i & 255}`))),
    );
    let last: Received | undefined;
    let responses = 0;
    while (!last || !has(last, '10.3.1.43')) {
      last = await client.next();
      client.ack(last);
      responses++;
    }
    await Promise.all(storm);
    expect(responses).toBeLessThan(300);
  });

  it('starts with the whole log folded, whatever position it ends at', async () => {
    const { facts, deliveries, stop } = await start();
    await append(facts, endpointRegistered(moved('10.2.0.9')));
    await stop();
    const { pilot } = await startOn({ facts, deliveries });
    expect(pilot.snapshots.value?.position).toBe(3);
    const { first } = await connected(pilot);
    expect(has(first[1], '10.2.0.9')).toBe(true);
  });

  it('records an agent’s health report as a fact, which takes the endpoint out', async () => {
    const { facts, pilot } = await start();
    const { client } = await connected(pilot);
    const agent = new AdsClient(pilot.xdsPort, 'sotw', {
      id: 'sidecar~10.2.0.1~reviews.default~default.svc.cluster.local',
    });
    cleanups.push(() => agent.close());
    agent.sotw({
      typeUrl: 'type.googleapis.com/istio.v1.HealthInformation',
      errorDetail: { code: 500, message: 'not ready' },
    });
    const change = await client.next();
    expect([change.typeUrl, has(change, '10.2.0.1')]).toEqual([endpoints, false]);
    const [report] = await eventsOf(facts, 'io.periplus.registry.workload-health-reported');
    expect(report?.data).toMatchObject({
      addresses: ['10.2.0.1'],
      health: 'unhealthy',
      reason: 'not ready',
      namespace: 'default',
    });
  });
});

describe('a poisoned event', () => {
  /** Fails while the mesh has a VirtualService of that name. */
  const poisonedBy = (poison: string) => () => {
    const memo = createMemo();
    return (...[snapshot, context]: Parameters<ReturnType<NonNullable<PilotOptions['newTranslator']>>>) => {
      if (snapshot.config.get('VirtualService', 'default', poison)) throw new TypeError('poison');
      return translate(snapshot, context, memo);
    };
  };
  const virtualService = (named: string) =>
    configApplied(resourceOf('VirtualService', named, { hosts: ['x'], http: [] }));

  it('is quarantined by a fact, while the last good state is served', async () => {
    const { facts, pilot } = await start({ newTranslator: poisonedBy('poison') });
    const { client } = await connected(pilot);
    await append(
      facts,
      endpointRegistered(moved('10.2.0.5')),
      virtualService('poison'),
      endpointRegistered(moved('10.2.0.6')),
    );
    const change = await client.next();
    expect(has(change, '10.2.0.6')).toBe(true);
    const [fact] = await eventsOf(facts, 'io.periplus.system.event-quarantined');
    expect(fact).toMatchObject({ id: 'quarantine/4', data: { position: 4, reason: 'poison' } });
    client.ack(change);
    await append(facts, endpointRegistered(moved('10.2.0.8')));
    expect(has(await client.next(), '10.2.0.8')).toBe(true);
  });

  it('is found by each of two Pilots and recorded once; a second one is found too', async () => {
    const newTranslator = () => {
      const [first, second] = [poisonedBy('one')(), poisonedBy('two')()];
      return (...args: Parameters<typeof first>) => first(...args) && second(...args);
    };
    const { facts, deliveries, pilot } = await start({ newTranslator });
    const { pilot: other } = await startOn({ facts, deliveries, newTranslator, name: 'other' });
    const [{ client }, { client: otherClient }] = [await connected(pilot), await connected(other)];
    await append(facts, virtualService('one'), virtualService('two'), endpointRegistered(moved('10.2.0.5')));
    expect(has(await client.next(), '10.2.0.5')).toBe(true);
    expect(has(await otherClient.next(), '10.2.0.5')).toBe(true);
    const quarantines = await eventsOf(facts, 'io.periplus.system.event-quarantined');
    expect(quarantines.map(({ data }) => data)).toMatchObject([{ position: 3 }, { position: 4 }]);
  });
});

describe('an ailing log', () => {
  /** A log whose subscriptions end with `error` while `failing()`. */
  function ailing(log: MemoryLog, failing: () => Error | undefined): EventLog {
    const failNow = () => {
      const error = failing();
      if (error) throw error;
    };
    async function* subscribe(options: Parameters<EventLog['subscribe']>[0]) {
      failNow();
      for await (const batch of log.subscribe(options)) {
        failNow();
        yield batch;
      }
    }
    return new Proxy(log, {
      get: (target, property) => (property === 'subscribe' ? subscribe : Reflect.get(target, property).bind(target)),
    });
  }

  it.each(['unavailable', 'corrupt'] as const)(
    'that is %s leaves the last state served, and is read on when it is well',
    async (code) => {
      const [log, deliveries] = [new MemoryLog(), new MemoryLog()];
      await append(log, serviceRegistered(reviews), endpointRegistered(endpointAt(reviews, '10.2.0.1')));
      let error: Error | undefined;
      const { pilot } = await startOn({ facts: ailing(log, () => error), deliveries });
      error = new MeshError(code, 'ailing');
      await append(log, endpointRegistered(moved('10.2.0.5')));
      await expect.poll(() => pilot.metrics.logFailures).toBeGreaterThan(0);
      const { client, first } = await connected(pilot);
      expect(has(first[1], '10.2.0.1')).toBe(true);
      error = undefined;
      expect(has(await client.next(), '10.2.0.5')).toBe(true);
    },
  );

  it('registers a workload whose proxy asks for it, with its health, until the proxy has left', async () => {
    const group = resourceOf('WorkloadGroup', 'vms', { template: { labels: { app: 'vm' } } });
    const entry = resourceOf('ServiceEntry', 'vm', {
      hosts: ['vm.example.com'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      workloadSelector: { labels: { app: 'vm' } },
    });
    const { facts, pilot } = await start({ registrationGraceMs: 10 });
    await append(facts, configApplied(group), configApplied(entry));
    const endpoints = () =>
      pilot.snapshots.value?.registry
        .endpoints('default/vm.example.com')
        .map(({ address, health }) => [address, health]);
    const metadata = { AUTO_REGISTER_GROUP: 'vms' };
    const client = new AdsClient(pilot.xdsPort, 'delta', { id: 'sidecar~10.9.0.7~vm.default~x', metadata });
    cleanups.push(() => client.close());
    client.delta({ typeUrl: cluster });
    await expect.poll(endpoints).toEqual([['10.9.0.7', 'healthy']]);
    await append(facts, healthReported('default', '10.9.0.7', 'unhealthy'));
    await expect.poll(endpoints).toEqual([['10.9.0.7', 'unhealthy']]);
    client.close();
    await expect.poll(endpoints).toEqual([]);
  });

  it('serves extensions that an EnvoyFilter adds, by name, and changes them', async () => {
    const lua = (code: string) => {
      const type = 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua';
      const typed_config = { '@type': type, default_source_code: { inline_string: code } };
      const patch = { operation: 'ADD', value: { name: 'my-lua', typed_config } };
      return configApplied(
        resourceOf('EnvoyFilter', 'lua', { configPatches: [{ applyTo: 'EXTENSION_CONFIG', patch }] }),
      );
    };
    const { facts, pilot } = await start();
    await append(facts, lua('first'));
    const client = new AdsClient(pilot.xdsPort, 'delta', { id: proxyId });
    cleanups.push(() => client.close());
    await expect.poll(() => pilot.snapshots.value?.config.list('EnvoyFilter').length).toBe(1);
    client.delta({ typeUrl: typeUrls.extension, resourceNamesSubscribe: ['my-lua'] });
    const response = await client.next();
    expect([response.typeUrl, has(response, 'first')]).toEqual([typeUrls.extension, true]);
    client.ack(response);
    await append(facts, lua('second'));
    expect(has(await client.next(), 'second')).toBe(true);
  });
});
