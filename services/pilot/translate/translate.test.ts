// Translation as a whole: pure, shared between proxies, and incremental without any difference from starting anew.
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import {
  type BareFact,
  builderOf,
  configApplied,
  configDeleted,
  endpointAt,
  endpointDeregistered,
  endpointRegistered,
  httpService,
  recorded,
  resourceOf,
  serviceDeregistered,
  serviceRegistered,
  snapshotOf,
} from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { createMemo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';
import { translate } from './translate.ts';
import { type ResourceSet, type Translation, typeUrls } from './translation.ts';

const services = ['a', 'b', 'c'].map((name, i) => httpService(name, { addresses: [`10.96.0.${i + 1}`] }));
const [a, b] = services as [(typeof services)[0], (typeof services)[0]];
const dns = httpService('dns', { hostname: 'dns.example.com', platform: 'service-entry', resolution: 'DNS' });
const fixture = {
  services: [...services, dns],
  endpoints: [
    ...services.map((service, i) => endpointAt(service, `10.0.0.${i + 1}`)),
    endpointAt(dns, 'x.example.com'),
  ],
  config: [resourceOf('DestinationRule', 'a', { host: 'a', subsets: [{ name: 'v1', labels: { version: 'v1' } }] })],
};
const types = [typeUrls.cluster, typeUrls.endpoints, typeUrls.listener, typeUrls.route];
const contents = (set: ResourceSet) => set.names().map((name) => `${name} ${set.get(name)?.version}`);
const allContents = (translation: Translation) =>
  types.map((type) => [translation.resources(type).version, ...contents(translation.resources(type))]);

const facts: readonly BareFact[] = [
  endpointRegistered(endpointAt(a, '10.0.0.9', { labels: { version: 'v1' } })),
  endpointRegistered(endpointAt(a, '10.0.0.1', { health: 'unhealthy' })),
  endpointDeregistered(endpointAt(b, '10.0.0.2')),
  endpointRegistered(endpointAt(dns, 'y.example.com')),
  serviceRegistered(httpService('d', { addresses: ['10.96.0.9'] })),
  configApplied(
    resourceOf('DestinationRule', 'b', { host: 'b', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }),
  ),
  endpointRegistered(endpointAt(b, '10.0.0.8')),
  configApplied(
    resourceOf('VirtualService', 'c', { hosts: ['c'], http: [{ route: [{ destination: { host: 'b' } }] }] }),
  ),
  configApplied(
    resourceOf('Sidecar', 's', {
      egress: [{ hosts: ['./a.default.svc.cluster.local', './c.default.svc.cluster.local'] }],
    }),
  ),
  endpointRegistered(endpointAt(a, '10.0.0.7')),
  configDeleted(resourceOf('DestinationRule', 'a', {})),
  configDeleted(resourceOf('Sidecar', 's', {})),
  serviceDeregistered(b),
];

/** The snapshots after each fact, as one lineage. */
function* snapshots(): Generator<Snapshot> {
  const builder = builderOf(fixture);
  yield builder.snapshot();
  for (const fact of facts) {
    builder.apply(recorded(fact, builder.position + 1));
    yield builder.snapshot();
  }
}

describe('translate', () => {
  it('gives after each event what it gives from nothing, to several proxies', () => {
    const contexts = [
      sidecarContext(),
      sidecarContext({ namespace: 'other', addresses: ['10.9.9.9'] }),
      sidecarContext({ type: 'router', addresses: ['10.9.9.8'] }),
    ];
    const memo = createMemo();
    let previous: readonly Translation[] = [];
    for (const snapshot of snapshots()) {
      const translations = contexts.map((context) => translate(snapshot, context, memo));
      for (const [i, translation] of translations.entries()) {
        const fresh = translate(snapshot, contexts[i] as ProxyContext, createMemo());
        expect(allContents(translation)).toEqual(allContents(fresh));
        const before = previous[i];
        if (before !== undefined)
          for (const type of types) expectChanges(before.resources(type), translation.resources(type));
      }
      previous = translations;
    }
  });

  it('gives the same when snapshots were skipped on the way', () => {
    const memo = createMemo();
    const context = sidecarContext();
    for (const [i, snapshot] of [...snapshots()].entries()) {
      if (i % 3 !== 0) continue;
      const fresh = translate(snapshot, context, createMemo());
      expect(allContents(translate(snapshot, context, memo))).toEqual(allContents(fresh));
    }
  });

  it('sends for an endpoint change the load assignments of its service and nothing else', () => {
    const builder = builderOf(fixture);
    const memo = createMemo();
    const context = sidecarContext({ addresses: ['10.9.9.9'] });
    const before = translate(builder.snapshot(), context, memo);
    builder.apply(recorded(endpointRegistered(endpointAt(a, '10.0.0.9')), builder.position + 1));
    const after = translate(builder.snapshot(), context, memo);
    for (const type of [typeUrls.cluster, typeUrls.listener, typeUrls.route]) {
      expect(after.resources(type)).toBe(before.resources(type));
    }
    const { updated, removed } = after.resources(typeUrls.endpoints).changesSince(before.resources(typeUrls.endpoints));
    expect(updated.map(({ name }) => name)).toEqual(['outbound|80||a.default.svc.cluster.local']);
    expect(removed).toEqual([]);
  });

  it('shares outbound resources between proxies that differ in addresses and labels that nothing reads', () => {
    const snapshot = snapshotOf(fixture);
    const memo = createMemo();
    const of = (over: Partial<ProxyContext>) => translate(snapshot, sidecarContext(over), memo);
    const one = of({ addresses: ['10.9.0.1'], labels: { app: 'x' }, serviceAccount: 'x' });
    const other = of({ addresses: ['10.9.0.2'], labels: { app: 'y' }, serviceAccount: 'y' });
    expect(other.resources(typeUrls.endpoints)).toBe(one.resources(typeUrls.endpoints));
    expect(other.resources(typeUrls.route)).toBe(one.resources(typeUrls.route));
  });

  it('tells apart proxies by a label that a rule reads', () => {
    const rule = { host: 'b', workloadSelector: { matchLabels: { app: 'x' } }, subsets: [{ name: 'v2' }] };
    const snapshot = snapshotOf({ ...fixture, config: [...fixture.config, resourceOf('DestinationRule', 'b', rule)] });
    const memo = createMemo();
    const clusters = (app: string) =>
      translate(snapshot, sidecarContext({ labels: { app } }), memo)
        .resources(typeUrls.cluster)
        .names();
    expect(clusters('x')).toContain('outbound|80|v2|b.default.svc.cluster.local');
    expect(clusters('y')).not.toContain('outbound|80|v2|b.default.svc.cluster.local');
  });

  it('says what it left out', () => {
    const named = { services: [a], endpoints: [endpointAt(a, 'a.example.com')] };
    const { warnings } = translate(snapshotOf(named), sidecarContext(), createMemo());
    expect(warnings).toEqual([expect.stringContaining('Service/default/a.default.svc.cluster.local: endpoint')]);
  });
});

function expectChanges(before: ResourceSet, after: ResourceSet): void {
  const { updated, removed } = after.changesSince(before);
  const names = [...new Set([...before.names(), ...after.names()])].sort();
  const changed = names.filter((name) => after.get(name) && after.get(name)?.version !== before.get(name)?.version);
  expect(updated.map(({ name }) => name)).toEqual(changed);
  expect(removed).toEqual(names.filter((name) => after.get(name) === undefined));
}
