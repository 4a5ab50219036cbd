// What must not happen when parts of the control plane die under load: no request fails, no event is lost, nothing is sent to a proxy again.
import { beforeAll, expect, it } from 'vitest';
import { allStreams, type ComposeMesh, minutes, proxies, proxyServices } from './support/compose-mesh.ts';
import { startLoad } from './support/load.ts';
import { periplus, periplusJson } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

/** PERIPLUS_SOAK=1: the numbers. Otherwise what a machine that does other things too can carry, however slow they make it. */
const soak = process.env.PERIPLUS_SOAK === '1';
const rate = soak ? { perSecond: 200 } : { perSecond: 40, maxPending: 4 };
/** Requests before a fault and after it. */
const enough = soak ? 600 : 40;
const outageMs = soak ? 60_000 : 10_000;

/** Everything that can be killed without taking a proxy's own instance with it. */
const services = ['pilot-1', 'pilot-2', 'nats', 'adapters', 'citadel', 'mixer'] as const;

/** Adds the tests; the mesh is up. */
export function provesFaults(mesh: ComposeMesh): void {
  beforeAll(async () => {
    const { code, stderr } = await apply(mesh, failureLog, '--wait');
    expect(code, stderr).toBe(0);
  });

  it(
    `survives kill -9 of ${services.join(', ')}, one after the other`,
    () =>
      underLoad(mesh, async () => {
        for (const service of services) {
          await mesh.kill(service);
          await mesh.start(service);
          await everybodyServed(mesh);
        }
      }),
    minutes(15),
  );

  it(
    `survives all Pilots being away for ${outageMs / 1000} s`,
    () =>
      underLoad(mesh, async () => {
        await mesh.kill('pilot-1', 'pilot-2');
        await lasting(outageMs);
        await mesh.start('pilot-1', 'pilot-2');
      }),
    minutes(6),
  );

  it(
    `survives NATS being away for ${outageMs / 1000} s, and says so to who wants to write`,
    () =>
      underLoad(mesh, async () => {
        await mesh.kill('nats');
        const [, refused] = await Promise.all([
          lasting(outageMs),
          periplus(['apply', '-f', 'examples/bookinfo/canary-50-50.yaml', '--server', mesh.server]),
        ]);
        expect(refused.code, refused.stderr).toBe(3);
        await mesh.start('nats');
      }),
    minutes(6),
  );

  it(
    `survives NATS having no byte left on its disk for ${outageMs / 1000} s, says so, and goes on when there is room`,
    async (context) => {
      const disk = mesh.logDisk;
      if (!('folder' in disk)) return context.skip(disk.why);
      await underLoad(mesh, async () => {
        disk.fill();
        const [, refused] = await Promise.all([lasting(outageMs), apply(mesh, tooLarge)]);
        expect(refused.code, refused.stderr).toBe(3);
        expect(refused.stderr).toMatch(/no space left on device.* make room/);
        disk.free();
        // Its health check ends it, Docker starts it again.
        const writes = async () => (await apply(mesh, tooLarge)).code === 0;
        await waitFor(writes, { limitMs: 90_000, everyMs: 1_000, what: 'NATS to take events again' });
      });
    },
    minutes(6),
  );
}

/** More than a block of a file system has left. */
const tooLarge = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: too-large, namespace: nobody, annotations: { filler: "${'x'.repeat(100_000)}" } }
spec: { rules: [{}] }
`;

/** Every Envoy writes down what fails, with Envoy's response flags, so that a failure is explained. */
const failureLog = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: failures, namespace: istio-system }
spec:
  accessLogging:
    - providers: [{ name: envoy }]
      filter: { expression: "response.code >= 400 || response.code == 0" }
`;

/** Load before, during and after; then that nothing is missing, nothing was sent again, and everything replays. */
async function underLoad(mesh: ComposeMesh, fault: () => Promise<void>): Promise<void> {
  await everybodyServed(mesh);
  const acknowledged = await applySomething(mesh);
  await settled(mesh);
  const received = await updatesOf(mesh);
  const before = await mesh.headOfLog();
  const startedAt = new Date();
  const load = startLoad({
    url: `${mesh.gateway}/api/v1/products/0/reviews`,
    ...rate,
    tagOf: (body) => /"version":"(v\d)"/.exec(body)?.[1] ?? body,
  });
  try {
    await waitFor(() => load.sent() > enough, { what: 'some requests before the fault' });
    await fault();
    await everybodyServed(mesh);
    const after = load.sent();
    await waitFor(() => load.sent() > after + enough, { what: 'some requests after the fault' });
  } finally {
    const { failures, sent } = await load.stop();
    process.stderr.write(`${sent} requests, ${failures.length} failed; position ${before} before\n`);
    const why = failures.length === 0 ? [] : await mesh.accessLogs(startedAt);
    expect(failures, `Envoys’ access logs:\n${why.slice(0, 50).join('\n')}`).toEqual([]);
  }
  expect(await updatesOf(mesh), 'updates that the proxies took: they had all of it already').toEqual(received);
  expect(await mesh.headOfLog()).toBeGreaterThanOrEqual(before);
  expect(await historyOf(mesh)).toEqual(acknowledged);
  const replay = await mesh.exec('pilot-2', 'periplus', 'replay', '--verify');
  expect(replay.code, replay.output).toBe(0);
}

/** Every Envoy has a stream to some Pilot, and both Pilots know that all are in sync. */
async function everybodyServed(mesh: ComposeMesh): Promise<void> {
  const streams = async () => (await mesh.openStreams('pilot-1')) + (await mesh.openStreams('pilot-2'));
  await waitFor(async () => (await streams()) === allStreams, {
    limitMs: 90_000,
    everyMs: 500,
    what: 'every proxy to have its stream again',
  });
  for (const pilot of ['pilot-1', 'pilot-2']) await mesh.untilSynced(pilot);
}

let changes = 0;

/** A change that proxies take, so that there is something to lose; gives the history of its subject, which must be there afterwards. */
async function applySomething(mesh: ComposeMesh): Promise<unknown> {
  const input = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: faults, namespace: default }
spec:
  hosts: [details]
  http: [{ timeout: ${20 + ++changes}s, route: [{ destination: { host: details } }] }]
`;
  const { code, stderr } = await apply(mesh, input, '--wait');
  expect(code, stderr).toBe(0);
  return await historyOf(mesh);
}

const apply = (mesh: ComposeMesh, input: string, ...more: readonly string[]) =>
  periplus(['apply', '-f', '-', '--server', mesh.server, ...more], { input });

const historyOf = (mesh: ComposeMesh) => periplusJson('history', 'vs/faults', '--server', mesh.server);

/** Responses that each Envoy has taken since it started, by its own counters (Envoy's docs, xDS subscription statistics). */
async function updatesOf(mesh: ComposeMesh): Promise<Readonly<Record<string, number>>> {
  const endpoints = '_cluster_update_success\\{envoy_cluster_name="outbound[^}]*\\}';
  const others = '_(?:cluster_manager_cds|listener_manager_lds|http_rds_\\w+)_update_success\\{[^}]*\\}';
  const pattern = new RegExp(`^envoy(?:${endpoints}|${others}) (\\d+)$`, 'gm');
  const entries = proxies.map(async (proxy) => {
    const text = await mesh.page(
      proxyServices[proxies.indexOf(proxy)] ?? '',
      'http://127.0.0.1:15020/stats/prometheus',
    );
    const counts = [...text.matchAll(pattern)].map((match) => Number(match[1]));
    expect(counts.length, `xDS counters of ${proxy}`).toBeGreaterThan(2);
    return [proxy, counts.reduce((sum, count) => sum + count, 0)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Waits until two looks at the counters are the same: what was applied has arrived at the proxies of both Pilots. */
async function settled(mesh: ComposeMesh): Promise<void> {
  let last = '';
  await waitFor(
    async () => {
      const now = JSON.stringify(await updatesOf(mesh));
      const same = now === last;
      last = now;
      return same;
    },
    { limitMs: 60_000, everyMs: 1_000, what: 'the proxies to be at rest' },
  );
}

/** The length of an outage is what is tested: this is no wait for something. */
const lasting = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
