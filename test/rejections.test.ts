// Random valid resources and changes against twenty Envoys: none is refused but what is planted, and each refusal names resource and event.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Rejected, RejectionTraced } from '../events/delivery-facts.ts';
import { endpointAt, endpointRegistered, httpService, serviceRegistered } from '../mesh/snapshot-fixture.ts';
import { progressOfStreams } from '../services/pilot/admin/stream-progress.ts';
import { typeUrls } from '../services/pilot/translate/translation.ts';
import type { TestEnvoy } from './support/envoy.ts';
import { randomNumbers } from './support/random-changes.ts';
import { randomKinds, randomPorts, randomResources } from './support/random-resources.ts';
import { seedOf } from './support/seed.ts';
import { waitFor } from './support/wait-for.ts';
import { makeCertificates } from './traffic/certificates.ts';
import { startProxy } from './traffic/mesh.ts';
import { startControlPlane } from './traffic/mesh-parts.ts';
import type { Manifest } from './traffic/resources.ts';

/** 1,000 is the promise; a few are drawn in every run. */
const changes = Number(process.env.PERIPLUS_RANDOM_CHANGES ?? 80);
const seed = seedOf(20261122);
const envoys = 20;

const folder = mkdtempSync(join(tmpdir(), 'periplus-rejections-'));
const running: TestEnvoy[] = [];
let controlPlane: Awaited<ReturnType<typeof startControlPlane>>;

beforeAll(async () => {
  const services = [0, 1, 2, 3, 4, 5].map((i) =>
    httpService(`s${i}`, { addresses: [`10.96.0.${i + 1}`], ports: [...randomPorts] }),
  );
  // Loopback: what a Sidecar binds at its proxy's own address can be bound here.
  const endpoints = services.flatMap((service, i) =>
    ['v1', 'v2'].map((version, j) => endpointAt(service, `127.9.${i}.${j + 1}`, { labels: { version } })),
  );
  controlPlane = await startControlPlane(
    [...services.map(serviceRegistered), ...endpoints.map(endpointRegistered)],
    {},
  );
  for (let i = 0; i < envoys; i++) {
    const isGateway = i % 5 === 0;
    const labels = isGateway ? { istio: 'ingressgateway' } : { app: `s${i % 6}`, version: `v${1 + (i % 2)}` };
    running.push(
      await startProxy(
        {
          type: isGateway ? 'router' : 'sidecar',
          addresses: [isGateway ? `127.78.0.${i + 1}` : `127.9.${i % 6}.${1 + (i % 2)}`],
          name: `p${i}`,
          namespace: 'default',
          labels,
          interceptionMode: 'REDIRECT',
          locality: i % 2 === 0 ? 'r1/z1' : 'r2/z1',
        },
        controlPlane.pilot.xdsPort,
      ),
    );
  }
  const { pilot } = controlPlane;
  await waitFor(() => [...pilot.streams].length === envoys, { what: 'all proxies to connect' });
});
afterAll(async () => {
  await Promise.all(running.map((envoy) => envoy.stop()));
  await controlPlane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function change(verb: 'apply' | 'delete', resources: readonly object[]): Promise<number | undefined> {
  const response = await controlPlane.app.inject({
    method: 'POST',
    url: `/api/v1/${verb}`,
    payload: { resources },
  });
  return response.statusCode === 200 ? (response.json() as { position: number }).position : undefined;
}

/** Every proxy has answered what it is due at `position`. */
async function answered(position: number): Promise<void> {
  const { pilot } = controlPlane;
  await waitFor(
    () => {
      const streams = progressOfStreams(pilot.streams, pilot);
      return streams.length === envoys && streams.every((one) => one.settled && one.position >= position);
    },
    { what: () => `answers to position ${position}: ${unanswered(position).join('; ')}`, everyMs: 2, limitMs: 60_000 },
  );
}

/** What which streams wait for. */
function unanswered(position: number): string[] {
  const { pilot } = controlPlane;
  const late = progressOfStreams(pilot.streams, pilot).filter((one) => !one.settled || one.position < position);
  return late.flatMap(({ streamId, proxyId, settled, position: at }) => {
    const stream = [...pilot.streams].find(({ id }) => id === streamId);
    const types = Object.entries(typeUrls).map(([name, typeUrl]) => {
      const { inFlight, rejected, lingering } = stream?.subscription(typeUrl) ?? {};
      return `${name} ${inFlight?.nonce ?? '-'} ${[...(rejected?.keys() ?? [])].join()} ${[...(lingering?.keys() ?? [])].join()}`;
    });
    const { types: known = new Map() } = controlPlane.deliveries.state().proxies.get(proxyId) ?? {};
    const refused = [...known.values()].flatMap(({ rejected }) => (rejected ? [JSON.stringify(rejected)] : []));
    return [`${proxyId} at ${at}, ${settled ? 'settled' : 'not settled'}: ${types.join(', ')} ${refused.join()}`];
  });
}

const keyOf = ({ kind, metadata: { namespace, name } }: Manifest) => ({ kind, namespace, name });

function envoyFilter(
  name: string,
  applyTo: string,
  rest: { readonly match?: object; readonly value: object; readonly operation?: string },
): Manifest {
  const patch = { operation: rest.operation ?? 'MERGE', value: rest.value };
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name, namespace: 'default' },
    spec: { configPatches: [{ applyTo, ...(rest.match && { match: rest.match }), patch }] },
  };
}

/** What no Envoy takes, by the resource that it makes wrong: a type's own rule is broken each time, which only Envoy knows. */
const plants: readonly { readonly filter: Manifest; readonly resource: string }[] = [
  {
    filter: envoyFilter('plant-cluster', 'CLUSTER', {
      match: {
        context: 'SIDECAR_OUTBOUND',
        // By name: without a subset a match is for every subset's cluster, too.
        cluster: { name: 'outbound|3306||s0.default.svc.cluster.local' },
      },
      value: { connect_timeout: '0s' },
    }),
    resource: 'outbound|3306||s0.default.svc.cluster.local',
  },
  {
    filter: envoyFilter('plant-listener', 'NETWORK_FILTER', {
      match: { listener: { name: 'virtualOutbound' } },
      operation: 'INSERT_FIRST',
      value: {
        name: 'planted',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
          stat_prefix: 'planted',
        },
      },
    }),
    resource: 'virtualOutbound',
  },
  {
    filter: envoyFilter('plant-route', 'VIRTUAL_HOST', {
      match: { context: 'SIDECAR_OUTBOUND', routeConfiguration: { name: '80' } },
      operation: 'ADD',
      value: { name: 'planted', domains: ['s1', 's1'] },
    }),
    resource: '80',
  },
];

it(`${changes} random resources and changes, 20 Envoys`, async () => {
  const certificates = await makeCertificates(folder);
  const random = randomNumbers(seed);
  // Below the range that the kernel gives to outgoing connections: over minutes one of those would take a free port.
  const firstPort = 20_000 + (process.pid % 2_000) * 4;
  const listenerPorts = [firstPort, firstPort + 1, firstPort + 2, firstPort + 3];
  const draw = randomResources(random, { files: certificates.files, listenerPorts });
  const existing = new Map<string, Manifest>();
  let refusedByUs = 0;

  const randomChange = async (): Promise<number> => {
    const kind = draw.pick(randomKinds);
    const name = kind === 'Gateway' ? draw.pick(['gw0', 'gw1']) : `r${Math.floor(random() * 6)}`;
    const known = existing.get(`${kind}/${name}`);
    if (known && random() < 0.4) {
      existing.delete(`${kind}/${name}`);
      return (await change('delete', [keyOf(known)])) ?? 0;
    }
    const manifest = draw.resource(kind, name);
    const position = await change('apply', [manifest]);
    if (position === undefined) refusedByUs++;
    else existing.set(`${kind}/${name}`, manifest);
    return position ?? 0;
  };

  let planted = 0;
  for (let i = 0; i < changes; i++) {
    const position = await randomChange();
    const plant = i % Math.ceil(changes / 6) === 5 ? plants[planted % plants.length] : undefined;
    if (plant === undefined) {
      await answered(position);
      continue;
    }
    planted++;
    // Among others, so that positions alone do not tell which it was.
    const plantedAt = (await change('apply', [plant.filter])) ?? 0;
    await randomChange();
    // Not everything is answered now: what refused routes may still use is kept back until they are taken.
    await foundOut(plant, plantedAt);
    await answered((await change('delete', [keyOf(plant.filter)])) ?? 0);
  }
  const rejected = await events<Rejected>('rejected');
  await waitFor(async () => (await events('rejection-traced')).length === rejected.length, {
    what: 'all to be traced',
  });
  const traced = new Map(
    (await events<RejectionTraced>('rejection-traced')).map(({ data }) => [keyOfAnswer(data), data]),
  );
  const others = rejected
    .map(({ data }) => ({ data, trace: traced.get(keyOfAnswer(data)) }))
    .filter(
      ({ trace }) => !trace?.causes.some(({ subject }) => subject.startsWith('config/EnvoyFilter/default/plant-')),
    );
  const told = others.map(({ data, trace }) => `${data.proxyId} ${data.message} ← ${JSON.stringify(trace)}`);
  expect(told, JSON.stringify([...existing.values()])).toEqual([]);
  expect(planted).toBeGreaterThanOrEqual(3);
  // Validation alone would make this test say nothing.
  expect(refusedByUs).toBeLessThan(changes / 4);
}, 1_200_000);

/** Proxies refused it, and each refusal that was traced names the resource and the event. */
async function foundOut(plant: (typeof plants)[number], plantedAt: number): Promise<void> {
  let traces: readonly RejectionTraced[] = [];
  const since = async () =>
    (await events<RejectionTraced>('rejection-traced')).filter(({ data }) => data.position >= plantedAt);
  await waitFor(async () => (traces = await since()).length > 0, {
    what: `refusals of ${plant.filter.metadata.name}`,
  });
  const cause = `config/EnvoyFilter/default/${plant.filter.metadata.name}`;
  for (const { data } of traces) {
    expect(data.resources, JSON.stringify(data)).toContain(plant.resource);
    expect(
      data.causes.map(({ subject }) => subject),
      JSON.stringify(data),
    ).toContain(cause);
  }
}

const keyOfAnswer = (data: { readonly streamId: string; readonly typeUrl: string; readonly nonce: string }) =>
  `${data.streamId} ${data.typeUrl} ${data.nonce}`;

async function events<Fact extends Rejected | RejectionTraced>(name: string): Promise<readonly Fact[]> {
  const found: Fact[] = [];
  const types = [`io.periplus.delivery.${name}`];
  for await (const event of controlPlane.logs.deliveries.read({ types })) found.push(event as unknown as Fact);
  return found;
}
