// A real Envoy on both protocols: warming, order, removal, and a Pilot that goes and comes back.
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import {
  type BareFact,
  configApplied,
  configDeleted,
  endpointAt,
  endpointDeregistered,
  endpointRegistered,
  httpService,
  resourceOf,
  serviceDeregistered,
  serviceRegistered,
} from '../mesh/snapshot-fixture.ts';
import { Pilot } from '../services/pilot/pilot.ts';
import { replayVerify } from '../services/pilot/replay/replay-verify.ts';
import { adsBootstrap } from './support/ads-bootstrap.ts';
import { configDump, startEnvoy, type TestEnvoy } from './support/envoy.ts';
import { waitFor } from './support/wait-for.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const alpha = httpService('alpha', { addresses: ['127.0.0.11'] });
const beta = httpService('beta', { addresses: ['127.0.0.12'] });
const alphaCluster = 'outbound|80||alpha.default.svc.cluster.local';
const subsetCluster = 'outbound|80|v1|alpha.default.svc.cluster.local';
const betaCluster = 'outbound|80||beta.default.svc.cluster.local';

class Mesh {
  readonly facts = new MemoryLog();
  readonly deliveries = new MemoryLog();
  #appended = 0;

  async append(...bare: BareFact[]): Promise<void> {
    const common = () => ({
      id: `fact-${++this.#appended}`,
      source: '/test',
      time: new Date().toISOString(),
      actor: 'user:test',
      causes: [],
    });
    await this.facts.append(bare.map((fact) => ({ event: { ...fact, ...common() } })));
  }

  async startPilot(name: string, port = 0) {
    const { facts, deliveries } = this;
    const xds = { host: '127.0.0.1', port };
    const pilot = new Pilot({ facts, deliveries, clock: systemClock, logger: silentLogger, name, xds });
    const stop = new AbortController();
    const running = pilot.run(stop.signal);
    cleanups.push(async () => {
      stop.abort();
      await running;
    });
    await waitFor(() => pilot.ready(), { what: 'Pilot' });
    return {
      pilot,
      stop: async () => {
        stop.abort();
        await running;
      },
    };
  }
}

/** Names of Envoy's clusters from Pilot that serve, and that wait for endpoints. */
async function clustersOf(envoy: TestEnvoy) {
  const { configs } = await configDump(envoy.adminPort);
  const dump = configs.find((config) => String(Reflect.get(Object(config), '@type')).endsWith('ClustersConfigDump'));
  const names = (list: unknown) =>
    (Array.isArray(list) ? list : []).map((entry: { cluster: { name: string } }) => entry.cluster.name);
  return {
    active: names(Reflect.get(Object(dump), 'dynamic_active_clusters')),
    warming: names(Reflect.get(Object(dump), 'dynamic_warming_clusters')),
  };
}

/** Waits until the proxy has answered everything and no cluster warms; the clusters in service. */
async function settledClusters(pilot: Pilot, envoy: TestEnvoy, done: (active: readonly string[]) => boolean) {
  let active: readonly string[] = [];
  await waitFor(
    async () => {
      const clusters = await clustersOf(envoy);
      active = clusters.active;
      const settled = [...pilot.streams].length > 0 && [...pilot.streams].every((stream) => stream.settled);
      return settled && clusters.warming.length === 0 && done(active);
    },
    { what: 'Envoy to hold the newest state' },
  );
  return active;
}

describe.each(['GRPC', 'DELTA_GRPC'])('Envoy over %s', (apiType) => {
  it('warms, re-warms and removes clusters without a NACK, and reconnects', async () => {
    const mesh = new Mesh();
    await mesh.append(serviceRegistered(alpha), endpointRegistered(endpointAt(alpha, '127.0.0.1')));
    await mesh.append(serviceRegistered(beta), endpointRegistered(endpointAt(beta, '127.0.0.2')));
    const { pilot, stop } = await mesh.startPilot('first');
    const port = pilot.xdsPort;
    const envoy = await startEnvoy(adsBootstrap(port, apiType));
    cleanups.push(() => envoy.stop());
    await settledClusters(pilot, envoy, (active) => active.includes(alphaCluster) && active.includes(betaCluster));

    const pool = { host: 'alpha', trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } };
    await mesh.append(configApplied(resourceOf('DestinationRule', 'alpha', pool)));
    await waitFor(() => pilot.metrics.acks.get('cds') === 2, { what: 'the changed cluster' });
    await settledClusters(pilot, envoy, (active) => active.includes(alphaCluster));

    const destination = { host: 'alpha', subset: 'v1' };
    await mesh.append(
      configApplied(resourceOf('DestinationRule', 'alpha', { host: 'alpha', subsets: [{ name: 'v1', labels: {} }] })),
      configApplied(resourceOf('VirtualService', 'alpha', { hosts: ['alpha'], http: [{ route: [{ destination }] }] })),
    );
    await settledClusters(pilot, envoy, (active) => active.includes(subsetCluster));
    await mesh.append(
      configDeleted(resourceOf('VirtualService', 'alpha', {})),
      configDeleted(resourceOf('DestinationRule', 'alpha', {})),
      endpointDeregistered(endpointAt(beta, '127.0.0.2')),
      serviceDeregistered(beta),
    );
    const left = await settledClusters(pilot, envoy, (active) => !active.includes(subsetCluster));
    expect(left).toContain(alphaCluster);
    expect(left).not.toContain(betaCluster);
    expect(pilot.metrics.nacks.size).toBe(0);
    await stop();

    const { pilot: second } = await mesh.startPilot('second', port);
    await waitFor(() => [...second.streams].some((stream) => stream.subscription(routeType)?.started), {
      what: 'Envoy to come back',
      limitMs: 40_000,
    });
    await settledClusters(second, envoy, (active) => active.length === left.length);
    // A delta client says what it kept; a SotW one says so of clusters and listeners only, by their version.
    const again = Object.fromEntries(second.metrics.pushes);
    expect(again).toEqual(apiType === 'GRPC' ? { eds: 1, rds: 1 } : {});
    await mesh.append(endpointRegistered(endpointAt(alpha, '127.0.0.9')));
    await waitFor(async () => JSON.stringify(await configDump(envoy.adminPort)).includes('127.0.0.9'), {
      what: 'a change after the reconnect',
    });
    expect(second.metrics.nacks.size).toBe(0);
    const pushed = [pilot, second].flatMap(({ metrics }) => [...metrics.pushes.values()]).reduce((a, b) => a + b);
    await waitFor(async () => (await replayVerify(mesh)).pushes === pushed, { what: 'the deliveries' });
    expect(await replayVerify(mesh)).toMatchObject({ ok: true, mismatches: [], unchecked: [] });
  });
});

const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
