// Any random valid set of resources: it translates, to the same bytes in whatever order it came about, and Envoy takes a sample of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ConfigResource } from '../events/model.ts';
import { parseDocuments } from '../mesh/config/parse.ts';
import type { Snapshot } from '../mesh/snapshot.ts';
import { SnapshotBuilder } from '../mesh/snapshot-builder.ts';
import {
  configApplied,
  configDeleted,
  endpointAt,
  endpointRegistered,
  httpService,
  record,
  serviceRegistered,
} from '../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../services/pilot/translate/json.ts';
import { createMemo, type Memo } from '../services/pilot/translate/memo.ts';
import type { ProxyContext } from '../services/pilot/translate/proxy-context.ts';
import { translate } from '../services/pilot/translate/translate.ts';
import { typeUrls } from '../services/pilot/translate/translation.ts';
import { validateWithEnvoy } from './support/envoy.ts';
import { randomNumbers } from './support/random-changes.ts';
import { randomKinds, randomPorts, randomResources } from './support/random-resources.ts';
import { seedOf } from './support/seed.ts';
import { staticBootstrap } from './support/static-bootstrap.ts';
import { certificateFiles } from './traffic/certificates.ts';

const sets = Number(process.env.PERIPLUS_RANDOM_SETS ?? 12);
/** Starting Envoy to validate takes a second of CPU: every third set is looked at by it. */
const validatedEvery = 3;
const resourcesPerSet = 14;
const seed = seedOf(20261122);

const folder = mkdtempSync(join(tmpdir(), 'periplus-random-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const services = [0, 1, 2, 3, 4, 5].map((i) =>
  httpService(`s${i}`, { addresses: [`10.96.0.${i + 1}`], ports: [...randomPorts] }),
);
const mesh = [
  ...services.map(serviceRegistered),
  ...services.flatMap((service, i) =>
    ['v1', 'v2'].map((version, j) =>
      endpointRegistered(endpointAt(service, `127.9.${i}.${j + 1}`, { labels: { version }, locality: `r${j + 1}/z1` })),
    ),
  ),
];
const contexts: readonly ProxyContext[] = [
  sidecarContext({ labels: { app: 's0', version: 'v1' }, addresses: ['127.9.0.1'], locality: 'r1/z1' }),
  sidecarContext({ interceptionMode: 'NONE', httpProxyPort: 3129 }),
  sidecarContext({ namespace: 'shop' }),
  sidecarContext({ type: 'router', addresses: ['10.8.0.1'], labels: { istio: 'ingressgateway' } }),
];

/** A random set of valid resources, and one more content of some of them, which is on the way only. */
function randomSet(number: number): {
  readonly final: readonly ConfigResource[];
  readonly passing: readonly ConfigResource[];
} {
  const random = randomNumbers(seed + number);
  const draw = randomResources(random, {
    files: certificateFiles(folder),
    // Sidecars that do not capture listen on these.
    listenerPorts: [18_081, 18_082, 18_083, 18_084],
  });
  const make = (index: number) => {
    const manifest = draw.resource(draw.pick(randomKinds), index < 2 ? `gw${index}` : `r${index}`);
    const [parsed] = parseDocuments(JSON.stringify(manifest), { file: 'random' }).objects;
    if (parsed?.type !== 'config') throw new Error('a random resource is no configuration');
    // Its age is its own: without one the event's time would count, and order would matter.
    return { ...parsed.resource, createdAt: new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString() };
  };
  const final = Array.from({ length: resourcesPerSet }, (_, index) => make(index));
  return { final, passing: Array.from({ length: 5 }, (_, index) => make(100 + index)) };
}

function bytesOf(snapshot: Snapshot, context: ProxyContext, memo: Memo): readonly string[] {
  const translation = translate(snapshot, context, memo);
  return Object.values(typeUrls).flatMap((typeUrl) => {
    const set = translation.resources(typeUrl);
    return set.names().map((name) => `${typeUrl} ${name} ${set.get(name)?.version}`);
  });
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

describe('any random valid set of resources', () => {
  it(`translates without throwing, to the same bytes twice and by another order of events (${sets} sets)`, () => {
    for (let number = 0; number < sets; number++) {
      const { final, passing } = randomSet(number);
      const random = randomNumbers(number + 1);
      const straight = new SnapshotBuilder({}).applyAll(record([...mesh, ...final.map(configApplied)])).snapshot();
      const facts = [
        ...shuffled([...mesh, ...passing.map(configApplied), ...final.map(configApplied)], random),
        ...passing.map(configDeleted),
      ];
      const builder = new SnapshotBuilder({});
      const memo = createMemo();
      for (const [index, event] of record(facts).entries()) {
        builder.apply(event);
        // Snapshots on the way, so that what is remembered of them could show.
        if (index % 4 === 0) for (const context of contexts) translate(builder.snapshot(), context, memo);
      }
      for (const context of contexts) {
        const expected = bytesOf(straight, context, createMemo());
        expect(bytesOf(straight, context, createMemo()), `set ${number}`).toEqual(expected);
        expect(bytesOf(builder.snapshot(), context, memo), `set ${number}, another order`).toEqual(expected);
      }
    }
  }, 600_000);

  it('passes envoy --mode validate (a sample)', async () => {
    for (let number = 0; number < sets; number += validatedEvery) {
      const { final } = randomSet(number);
      const snapshot = new SnapshotBuilder({}).applyAll(record([...mesh, ...final.map(configApplied)])).snapshot();
      const context = contexts[(number / validatedEvery) % contexts.length] ?? sidecarContext();
      const json = translationToJson(translate(snapshot, context, createMemo()));
      const verdict = await validateWithEnvoy(staticBootstrap(json, mkdtempSync(join(folder, 'set-'))));
      expect(verdict, `set ${number}: ${JSON.stringify(final)}`).toBe('');
    }
  }, 600_000);
});
