import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigResource, Endpoint, Service, Workload } from '../events/model.ts';
import { defaultMeshConfig, meshConfigKey } from './config/mesh-config.ts';
import type { Snapshot } from './snapshot.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';
import {
  type BareFact,
  builderOf,
  configApplied,
  configDeleted,
  endpointAt,
  endpointDeregistered,
  endpointRegistered,
  healthReported,
  httpService,
  quarantined,
  record,
  resourceOf,
  serviceDeregistered,
  serviceRegistered,
  snapshotOf,
  workloadDeregistered,
  workloadRegistered,
} from './snapshot-fixture.ts';

const web = httpService('web', { selector: { app: 'web' } });
const api = httpService('api');
const webA = endpointAt(web, '10.0.0.1', { labels: { version: 'v1' } });
const webB = endpointAt(web, '10.0.0.2');
const apiA = endpointAt(api, '10.0.0.1');
const entry = resourceOf('ServiceEntry', 'ext', {
  hosts: ['ext.example.com', 'web.default.svc.cluster.local'],
  ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
  resolution: 'STATIC',
  workloadSelector: { labels: { app: 'web' } },
});
const pod: Workload = {
  name: 'pod-1',
  namespace: 'default',
  platform: 'kubernetes',
  addresses: ['10.0.0.1'],
  ports: {},
  labels: { app: 'web' },
  health: 'healthy',
};

/** Everything a reader can see, as plain data. */
function contentOf(snapshot: Snapshot, kinds = ['ServiceEntry', 'WorkloadEntry', 'VirtualService']) {
  const { registry, config } = snapshot;
  const keys = [...registry.services.keys()];
  const addresses = new Set(keys.flatMap((key) => registry.endpoints(key).map((endpoint) => endpoint.address)));
  return {
    services: [...registry.services],
    endpoints: keys.map((key) => [key, registry.endpoints(key)]),
    hosts: keys.map((key) => registry.servicesOf(key.slice(key.indexOf('/') + 1))),
    instances: [...addresses].sort().map((address) => [address, registry.instancesAt(address)]),
    workloads: [...registry.workloads],
    config: kinds.map((kind) => config.list(kind)),
    one: config.list('ServiceEntry').map((resource) => config.get('ServiceEntry', resource.namespace, resource.name)),
  };
}

function step(builder: SnapshotBuilder, ...facts: BareFact[]): Snapshot {
  return builder.applyAll(record(facts, builder.position + 1)).snapshot();
}

describe('SnapshotBuilder', () => {
  it('gives an empty snapshot of an empty log', () => {
    const snapshot = new SnapshotBuilder().snapshot();
    expect(snapshot).toMatchObject({ position: 0, time: '', changed: 'all' });
    expect(snapshot.registry.services.size).toBe(0);
    expect(snapshot.registry.endpoints('default/x')).toEqual([]);
    expect(snapshot.config.list('VirtualService')).toEqual([]);
  });

  it('changes only what an endpoint event touches and keeps the rest identical', () => {
    const builder = builderOf({ services: [web, api], endpoints: [webA, webB, apiA], config: [entry] });
    const before = builder.snapshot();
    const after = step(builder, endpointRegistered({ ...webB, health: 'unhealthy' }));
    expect(after.changed).toEqual({
      since: before.position,
      services: new Set(),
      endpoints: new Set(['default/web.default.svc.cluster.local']),
      config: new Set(),
    });
    expect(after.registry.services).toBe(before.registry.services);
    expect(after.config).toBe(before.config);
    expect(after.registry.endpoints('default/api.default.svc.cluster.local')).toBe(
      before.registry.endpoints('default/api.default.svc.cluster.local'),
    );
    expect(after.registry.endpoints('default/web.default.svc.cluster.local')[0]).toBe(
      before.registry.endpoints('default/web.default.svc.cluster.local')[0],
    );
    expect(before.registry.endpoints('default/web.default.svc.cluster.local')[1]?.health).toBe('healthy');
    expect(after.registry.instancesAt('10.0.0.2')[0]?.endpoint.health).toBe('unhealthy');
    expect(before.registry.instancesAt('10.0.0.2')[0]?.endpoint.health).toBe('healthy');
  });

  it('says that nothing changed when events that mean nothing to it go by', () => {
    const builder = builderOf({ services: [web] });
    const before = builder.snapshot();
    const after = step(builder, { type: 'io.periplus.policy.something', subject: 'x', data: {} });
    expect(after.position).toBe(2);
    expect(after.registry).toBe(before.registry);
    expect(after.changed).toEqual({ since: 1, services: new Set(), endpoints: new Set(), config: new Set() });
    expect(builder.snapshot()).toBe(after);
  });

  it('lists the service instances at an address in service order', () => {
    const { registry } = snapshotOf({ services: [web, api], endpoints: [webA, apiA] });
    expect(registry.instancesAt('10.0.0.1').map(({ service }) => service.name)).toEqual(['api', 'web']);
  });

  it('orders resources by age, then namespace, then name, and dates one that has no date by its first event', () => {
    const spec = { hosts: ['a'] };
    const old = resourceOf('VirtualService', 'zz', spec, { createdAt: '2020-01-01T00:00:00Z' });
    const { createdAt: _, ...undated } = resourceOf('VirtualService', 'aa', spec);
    const builder = builderOf({
      config: [undated, resourceOf('VirtualService', 'b', spec), resourceOf('VirtualService', 'a', spec), old],
    });
    const names = (snapshot: Snapshot) => snapshot.config.list('VirtualService').map(({ name }) => name);
    expect(names(builder.snapshot())).toEqual(['zz', 'a', 'b', 'aa']);
    const first = builder.snapshot().config.get('VirtualService', 'default', 'aa')?.createdAt;
    const again = step(builder, configApplied({ ...undated, spec: { hosts: ['b'] } }));
    expect(first).toBe('2026-01-01T00:00:00.001Z');
    expect(again.config.get('VirtualService', 'default', 'aa')).toMatchObject({
      createdAt: first,
      spec: { hosts: ['b'] },
    });
    expect(names(step(builder, configDeleted(old)))).toEqual(['a', 'b', 'aa']);
  });

  it('takes the mesh configuration from its resource, over its own', () => {
    const builder = builderOf({ mesh: { ...defaultMeshConfig, trustDomain: 'td' } });
    const resource = { ...meshConfigKey, apiVersion: 'mesh.istio.io/v1alpha1', spec: { rootNamespace: 'root' } };
    expect(step(builder, configApplied(resource)).mesh).toMatchObject({ trustDomain: 'td', rootNamespace: 'root' });
    expect(step(builder, configDeleted(resource)).mesh).toMatchObject({
      trustDomain: 'td',
      rootNamespace: 'istio-system',
    });
  });

  describe('reported health', () => {
    const health = (snapshot: Snapshot) =>
      snapshot.registry.endpoints('default/web.default.svc.cluster.local').map((e) => e.health);

    it('overrides that of endpoints at the address in the namespace', () => {
      const builder = builderOf({ services: [web], endpoints: [webA, webB] });
      builder.snapshot();
      expect(health(step(builder, healthReported('other', '10.0.0.1', 'unhealthy')))).toEqual(['healthy', 'healthy']);
      const after = step(builder, healthReported('default', '10.0.0.1', 'unhealthy'));
      expect(health(after)).toEqual(['unhealthy', 'healthy']);
      expect(after.changed).toMatchObject({ endpoints: new Set(['default/web.default.svc.cluster.local']) });
      expect(health(step(builder, healthReported('default', '10.0.0.1', 'healthy')))).toEqual(['healthy', 'healthy']);
    });

    it('leaves a draining endpoint draining', () => {
      const builder = builderOf({ services: [web], endpoints: [{ ...webA, health: 'draining' }] });
      expect(health(step(builder, healthReported('default', '10.0.0.1', 'healthy')))).toEqual(['draining']);
    });

    it('is forgotten when the workload leaves, so that the next one at the address starts afresh', () => {
      const builder = builderOf({ services: [web], endpoints: [webA], workloads: [pod] });
      expect(health(step(builder, healthReported('default', '10.0.0.1', 'unhealthy')))).toEqual(['unhealthy']);
      expect(health(step(builder, workloadDeregistered(pod)))).toEqual(['healthy']);
    });

    it('is forgotten when the WorkloadEntry of the address is deleted', () => {
      const entry = resourceOf('WorkloadEntry', 'vm', { address: '10.0.0.1' });
      const builder = builderOf({ services: [web], endpoints: [webA], config: [entry] });
      expect(health(step(builder, healthReported('default', '10.0.0.1', 'unhealthy')))).toEqual(['unhealthy']);
      expect(health(step(builder, configApplied({ ...entry, labels: { a: 'b' } })))).toEqual(['unhealthy']);
      expect(health(step(builder, configDeleted(entry)))).toEqual(['healthy']);
    });
  });

  describe('quarantine', () => {
    const good = resourceOf('VirtualService', 'v', { hosts: ['good'] });
    const hostsIn = (snapshot: Snapshot) =>
      snapshot.config.list<{ hosts: string[] }>('VirtualService').map(({ spec }) => spec.hosts[0]);
    const bad = { ...good, spec: { hosts: ['bad'] } };

    it('brings back what the event had replaced', () => {
      const builder = builderOf({ config: [good, bad] });
      expect(hostsIn(builder.snapshot())).toEqual(['bad']);
      const after = step(builder, quarantined(2));
      expect(hostsIn(after)).toEqual(['good']);
      expect(after.changed).toMatchObject({ config: new Set(['VirtualService/default/v']) });
    });

    it('removes what the event had created and restores what it had removed', () => {
      expect(hostsIn(step(builderOf({ config: [bad] }), quarantined(1)))).toEqual([]);
      expect(hostsIn(step(builderOf({ config: [good] }), configDeleted(good), quarantined(2)))).toEqual(['good']);
    });

    it('leaves newer content alone, survives two bad versions, and counts before its event arrives', () => {
      const fixed = { ...good, spec: { hosts: ['fixed'] } };
      expect(hostsIn(step(builderOf({ config: [good, bad, fixed] }), quarantined(2)))).toEqual(['fixed']);
      expect(hostsIn(step(builderOf({ config: [good, bad, bad] }), quarantined(2), quarantined(3)))).toEqual(['good']);
      expect(hostsIn(step(builderOf({ config: [good] }), quarantined(3), configApplied(bad)))).toEqual(['good']);
    });

    it('un-applies registry events as well', () => {
      const builder = builderOf({ services: [web], endpoints: [webA] });
      const after = step(builder, endpointRegistered({ ...webA, address: '10.0.0.9' }), quarantined(3));
      expect(after.registry.endpoints('default/web.default.svc.cluster.local')).toEqual([webA]);
    });

    it('gives the same whether snapshots were taken in between or not', () => {
      const facts = [
        serviceRegistered(web),
        endpointRegistered(webA),
        configApplied(good),
        configApplied(bad),
        quarantined(4),
        quarantined(2),
      ];
      const stepped = new SnapshotBuilder();
      for (const event of record(facts)) {
        stepped.apply(event);
        stepped.snapshot();
      }
      expect(contentOf(stepped.snapshot())).toEqual(
        contentOf(new SnapshotBuilder().applyAll(record(facts)).snapshot()),
      );
    });
  });

  describe('properties', () => {
    const label = fc.constantFrom('web', 'api', 'db');
    const service = fc
      .record({ name: label, platform: fc.constantFrom('kubernetes', 'consul'), weight: fc.nat(2) })
      .map(
        ({ name, platform, weight }): Service =>
          httpService(name, { platform, labels: { w: String(weight) }, selector: { app: name } }),
      );
    const endpoint = fc
      .record({ name: label, at: fc.nat(3), weight: fc.integer({ min: 1, max: 3 }), id: fc.nat(3) })
      .map(
        ({ name, at, weight, id }): Endpoint => endpointAt(httpService(name), `10.0.0.${at}`, { weight, id: `e${id}` }),
      );
    const config = fc.record({ name: label, at: fc.nat(3), app: label, vm: fc.boolean() }).map(
      ({ name, at, app, vm }): ConfigResource =>
        vm
          ? resourceOf('WorkloadEntry', name, { address: `10.0.0.${at}`, labels: { app } })
          : resourceOf('ServiceEntry', name, {
              hosts: [`${app}.default.svc.cluster.local`, `h${at}.com`],
              ports: [{ number: 80 + at, name: 'http', protocol: 'HTTP' }],
              resolution: 'STATIC',
              ...(at % 2 ? { workloadSelector: { labels: { app } } } : { endpoints: [{ address: `10.0.0.${at}` }] }),
            }),
    );
    const workload = fc
      .record({ name: label, at: fc.nat(3), app: label })
      .map(({ name, at, app }): Workload => ({ ...pod, name, addresses: [`10.1.0.${at}`], labels: { app } }));
    const fact: fc.Arbitrary<BareFact> = fc.oneof(
      service.map(serviceRegistered),
      service.map(serviceDeregistered),
      endpoint.map(endpointRegistered),
      endpoint.map(endpointDeregistered),
      config.map(configApplied),
      config.map(configDeleted),
      workload.map(workloadRegistered),
      workload.map(workloadDeregistered),
      fc
        .record({ at: fc.nat(3), health: fc.constantFrom('healthy' as const, 'unhealthy' as const) })
        .map(({ at, health }) => healthReported('default', `10.0.0.${at}`, health)),
    );
    const facts = fc.array(fact, { maxLength: 40 });

    it('is the same incrementally as from scratch, and says exactly what changed', () => {
      fc.assert(
        fc.property(facts, fc.array(fc.nat(39), { maxLength: 4 }), (list, bad) => {
          const all = [...list, ...bad.map((index) => quarantined(index + 1))];
          const builder = new SnapshotBuilder();
          let before = builder.snapshot();
          for (const event of record(all)) {
            builder.apply(event);
            if (event.position % 3 === 0) continue;
            const after = builder.snapshot();
            expectExactChanges(before, after);
            before = after;
          }
          expect(contentOf(builder.snapshot())).toEqual(
            contentOf(new SnapshotBuilder().applyAll(record(all)).snapshot()),
          );
        }),
        { numRuns: 300 },
      );
    });

    it('does not depend on the order in which independent events arrive', () => {
      fc.assert(
        fc.property(facts, fc.infiniteStream(fc.nat(1_000)), (list, dice) => {
          const events = record(list);
          const shuffled = interleave(events, (event) => event.subject, dice).map((event, index) => ({
            ...event,
            position: index + 1,
          }));
          expect(contentOf(new SnapshotBuilder().applyAll(shuffled).snapshot())).toEqual(
            contentOf(new SnapshotBuilder().applyAll(events).snapshot()),
          );
        }),
        { numRuns: 300 },
      );
    });
  });

  it('keeps the endpoints of all others identical when one of a thousand changes', () => {
    const services = Array.from({ length: 1_000 }, (_, index) => httpService(`s${index}`));
    const endpoints = services.flatMap((one, index) =>
      [0, 1, 2, 3].map((at) => endpointAt(one, `10.${at}.${index >> 8}.${index & 255}`)),
    );
    const builder = builderOf({ services, endpoints });
    builder.snapshot();
    const first = endpoints[0] as Endpoint;
    const snapshots = [1, 2, 3].map((weight) => {
      const before = builder.snapshot();
      const after = step(builder, endpointRegistered({ ...first, weight }));
      return [...after.registry.services.keys()].filter(
        (key) => after.registry.endpoints(key) !== before.registry.endpoints(key),
      );
    });
    expect(snapshots).toEqual([1, 2, 3].map(() => ['default/s0.default.svc.cluster.local']));
  });
});

function expectExactChanges(before: Snapshot, after: Snapshot): void {
  if (after === before || after.changed === 'all') return;
  const keys = new Set([...before.registry.services.keys(), ...after.registry.services.keys()]);
  for (const key of keys) {
    expect(after.changed.services.has(key)).toBe(
      before.registry.services.get(key) !== after.registry.services.get(key),
    );
    expect(after.changed.endpoints.has(key)).toBe(before.registry.endpoints(key) !== after.registry.endpoints(key));
  }
}

/** A random order that keeps events with one `key` in theirs. */
function interleave<T>(list: readonly T[], keyOf: (one: T) => string, dice: Iterable<number>): T[] {
  const queues = new Map<string, T[]>();
  for (const one of list) queues.set(keyOf(one), [...(queues.get(keyOf(one)) ?? []), one]);
  const thrown = dice[Symbol.iterator]();
  const result: T[] = [];
  while (queues.size > 0) {
    const keys = [...queues.keys()];
    const key = keys[(thrown.next().value as number) % keys.length] as string;
    const queue = queues.get(key) as T[];
    result.push(queue.shift() as T);
    if (queue.length === 0) queues.delete(key);
  }
  return result;
}

describe('gateways of networks', () => {
  const ports = [{ name: 'tls', port: 15_443, protocol: 'TLS' as const }];
  const labels = { 'topology.istio.io/network': 'there' };
  const gateway = httpService('gateway', { ports, labels, externalAddresses: ['192.0.2.1'] });
  const addressesIn = ({ mesh }: Snapshot) => mesh.networks?.there?.gateways?.map(({ address }) => address);

  it('come and go with their Services, and leave the mesh the same object while they stay', () => {
    const builder = new SnapshotBuilder();
    const facts = [
      serviceRegistered(gateway),
      serviceRegistered(httpService('other', { externalAddresses: ['192.0.2.9'] })),
      serviceRegistered({ ...gateway, externalAddresses: ['192.0.2.1', '192.0.2.2'] }),
      serviceDeregistered(gateway),
    ];
    const [one, same, two, none] = record(facts).map((event) => {
      builder.apply(event);
      return builder.snapshot();
    });
    if (!one || !same || !two || !none) throw new Error('a snapshot is missing');
    expect([one, same, two, none].map(addressesIn)).toEqual([
      ['192.0.2.1'],
      ['192.0.2.1'],
      ['192.0.2.1', '192.0.2.2'],
      undefined,
    ]);
    expect(same.mesh).toBe(one.mesh);
    expect(two.mesh).not.toBe(one.mesh);
  });
});
