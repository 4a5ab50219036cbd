// One service on Kubernetes, Consul, Docker and in files, each real; each platform's instance is killed in turn under load on two real Envoys.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardChild } from '../agent/watchdog.ts';
import type { Endpoint } from '../events/model.ts';
import { adsBootstrap } from './support/ads-bootstrap.ts';
import { TestConsul } from './support/consul.ts';
import { baseImages } from './support/container-images.ts';
import { type Engine, findEngine } from './support/docker.ts';
import { startEnvoy, type TestEnvoy } from './support/envoy.ts';
import { freePorts } from './support/free-port.ts';
import { TestKube } from './support/kube.ts';
import { paths } from './support/kube-objects.ts';
import { type Load, startLoad } from './support/load.ts';
import { periplus, periplusJson, RunningPeriplus } from './support/periplus.ts';
import { mustRun, runProgram } from './support/run-program.ts';
import { waitFor } from './support/wait-for.ts';

const [engineFound, kubeFound, consulFound] = [await findEngine(), await TestKube.start(), await TestConsul.start()];
// Kubernetes takes no loopback address for an endpoint.
const ownAddress = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const missing = [
  'why' in engineFound ? `Docker engine (${engineFound.why})` : '',
  'why' in kubeFound ? `kube-apiserver (${kubeFound.why})` : '',
  consulFound instanceof TestConsul ? '' : `Consul (${consulFound.why})`,
  ownAddress === undefined ? 'address beside loopback' : '',
].filter((text) => text !== '');
const why = missing.length > 0 ? `: skipped, there is no ${missing.join(', no ')}` : '';

const host = 'web.default.svc.cluster.local';
const container = 'periplus-four-platforms';
/** Nearest first, as the Envoys in eu/a see them: what fails over where. */
const localities = { kubernetes: 'eu/a', consul: 'eu/b', docker: 'us/a', files: 'ap/b' } as const;
type Platform = keyof typeof localities;

/** A server that says its platform's name. */
const script = (platform: Platform, port: number) =>
  `require('node:http').createServer((_, answer) => answer.end('${platform}')).listen(${port})`;

describe.skipIf(why !== '')(`one mesh on four platforms${why}`, () => {
  const engine = engineFound as Engine;
  const kube = kubeFound as TestKube;
  const consul = consulFound as TestConsul;
  const address = ownAddress ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'periplus-four-'));
  const servers = new Map<Platform, ChildProcess>();
  const envoys: TestEnvoy[] = [];
  const loads: Load[] = [];
  let control: RunningPeriplus | undefined;
  let ports: Readonly<Record<Platform, number>>;
  let servicePort = 0;
  let admin = '';

  const docker = (...args: readonly string[]) => mustRun('docker', args, { env: engine.env, limitMs: 120_000 });
  const listed = () => periplusJson<readonly Endpoint[]>('get', 'endpoints', 'web', '--server', admin);
  const start = async (platform: Platform) => {
    const child = spawn(process.execPath, ['-e', script(platform, ports[platform])], { stdio: 'ignore' });
    guardChild(child);
    servers.set(platform, child);
    const answers = () =>
      fetch(`http://${address}:${ports[platform]}`).then(
        (answer) => answer.ok,
        () => false,
      );
    await waitFor(answers, { what: `the instance of ${platform}` });
  };
  const slice = (ready: boolean) => ({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    ports: [{ name: 'http', port: ports.kubernetes, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready }, nodeName: 'n1', zone: 'a' }],
  });
  const writeFiles = (withInstance: boolean) =>
    writeFileSync(
      join(folder, 'config/web.yaml'),
      fileInstance(withInstance ? { address, port: ports.files } : undefined, servicePort),
    );

  /** What the platform itself does or says when its instance is dead. Consul's own check and Docker's engine see it for themselves. */
  const kill: Readonly<Record<Platform, () => Promise<unknown>>> = {
    kubernetes: async () => {
      servers.get('kubernetes')?.kill('SIGKILL');
      await kube.must('PATCH', `${paths.slices}/web-1`, { endpoints: slice(false).endpoints });
    },
    consul: async () => servers.get('consul')?.kill('SIGKILL'),
    docker: () => docker('kill', container),
    files: async () => {
      servers.get('files')?.kill('SIGKILL');
      writeFiles(false);
    },
  };

  beforeAll(async () => {
    const [adminPort = 0, xdsPort = 0, port = 0, k = 0, c = 0, f = 0] = await freePorts(6);
    ports = { kubernetes: k, consul: c, docker: 8080, files: f };
    [servicePort, admin] = [port, `http://127.0.0.1:${adminPort}`];
    mkdirSync(join(folder, 'config'));
    await Promise.all([start('kubernetes'), start('consul'), start('files')]);
    await docker('rm', '-f', container).catch(() => {});
    const labels = {
      service: 'web',
      port: `${port}:8080`,
      protocol: 'http',
      locality: localities.docker,
      'service-account': 'web',
    };
    const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `periplus.io/${key}=${value}`]);
    await docker('run', '-d', '--name', container, ...flags, baseImages().node, 'node', '-e', script('docker', 8080));
    await kube.must('POST', '/api/v1/nodes', {
      ...{ apiVersion: 'v1', kind: 'Node' },
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'a' } },
    });
    await kube.must('POST', paths.services, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } },
      spec: { ports: [{ name: 'http', port, targetPort: k }] },
    });
    await kube.must('POST', paths.slices, slice(true));
    const Meta = { 'service-port': String(port), region: 'eu', zone: 'b', 'service-account': 'web' };
    const Check = { TCP: `${address}:${c}`, Interval: '1s', Timeout: '1s', Status: 'passing' };
    await consul.register({
      ID: 'web-1',
      Name: 'web',
      Address: address,
      Port: c,
      Tags: ['http'],
      Meta,
      Check,
    } as never);
    writeFiles(true);
    writeFileSync(join(folder, 'config/mesh.yaml'), configuration(port));
    const where = ['--admin-port', String(adminPort), '--xds-port', String(xdsPort), '--data', join(folder, 'data')];
    const rule = ['--consul', consul.url, '--consul-hostname', 'NAME.NS.svc.cluster.local'];
    const platforms = [
      '--kubeconfig',
      kube.kubeconfig(kube.port, 'admin-token'),
      '--docker',
      engine.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock',
    ];
    control = new RunningPeriplus([
      'serve',
      '--config',
      join(folder, 'config'),
      ...rule,
      ...platforms,
      '--log',
      'memory:',
      ...where,
    ]);
    await control.untilServing(`${admin}/readyz`);
    for (const index of [1, 2]) {
      const bootstrap = adsBootstrap(
        xdsPort,
        'DELTA_GRPC',
        `sidecar~10.9.9.${index}~client-${index}.default~default.svc.cluster.local`,
      );
      const metadata = { ...bootstrap.node.metadata, LABELS: { app: `client-${index}` } };
      const locality = { region: 'eu', zone: 'a' };
      envoys.push(await startEnvoy({ ...bootstrap, node: { ...bootstrap.node, metadata, locality } }));
    }
  });

  afterAll(async () => {
    for (const load of loads) await load.stop();
    for (const envoy of envoys) await envoy.stop();
    await control?.stop();
    for (const child of servers.values()) child.kill('SIGKILL');
    await runProgram('docker', ['rm', '-f', container], { env: engine.env });
    await Promise.all([consul.kill(), kube.dispose()]);
    await engine.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has one service with the endpoints of all, each with its place and identity', async () => {
    const places = async () =>
      Object.fromEntries(
        (await listed())
          .filter(({ health }) => health === 'healthy')
          .map(({ platform, locality }) => [platform, locality]),
      );
    await waitFor(async () => Object.keys(await places()).length === 4, {
      what: () => `four platforms: ${control?.output.slice(-3_000)}`,
      limitMs: 60_000,
    });
    expect(await places()).toEqual(localities);
    expect(new Set((await listed()).map(({ hostname }) => hostname))).toEqual(new Set([host]));
    for (const { platform, serviceAccount } of await listed())
      if (platform === 'consul' || platform === 'docker') expect(serviceAccount).toBe('web');
  });

  it('fails over from platform to platform by locality, and loses only what was in flight on the killed instance', async () => {
    const asked = (index: number) => ({
      url: `http://127.0.0.${index}:${servicePort}/`,
      headers: { host: `${host}:${servicePort}` },
    });
    const answer = async (index: number) => {
      const { url, headers } = asked(index);
      const one = startLoad({ url, headers, perSecond: 100, tagOf: (body) => body });
      await waitFor(() => one.sent() > 0, { what: 'a request' });
      const { tags } = await one.stop();
      return Object.keys(tags).join();
    };
    const untilFrom = (platform: Platform) =>
      waitFor(async () => (await Promise.all([answer(1), answer(2)])).every((tag) => tag === platform), {
        what: () => `answers of ${platform}: ${control?.output.slice(-2_000)}`,
        limitMs: 60_000,
      });
    await untilFrom('kubernetes');
    const order = ['kubernetes', 'consul', 'docker'] as const;
    const next = { kubernetes: 'consul', consul: 'docker', docker: 'files' } as const;
    for (const platform of order) {
      for (const index of [1, 2]) loads.push(startLoad({ ...asked(index), perSecond: 50, tagOf: (body) => body }));
      await waitFor(() => loads.every((load) => load.sent() > 20), { what: 'load' });
      await kill[platform]();
      const isOut = async () => !(await listed()).some((one) => one.platform === platform && one.health === 'healthy');
      await waitFor(isOut, { what: `${platform}’s instance to be out`, limitMs: 60_000 });
      await untilFrom(next[platform]);
      const results = await Promise.all(loads.splice(0).map((load) => load.stop()));
      for (const { failures, tags } of results) {
        // "connection termination": the request was on its way to, or at, the instance when that died. Nothing else may fail.
        expect(
          failures.filter((failure) => !/connection termination/.test(failure)),
          platform,
        ).toEqual([]);
        // As many as a busy machine has under way in 200 ms at 50 a second.
        expect(failures.length, failures.join('\n')).toBeLessThanOrEqual(10);
        expect(tags[platform]).toBeGreaterThan(0);
        expect(tags[next[platform]]).toBeGreaterThan(0);
      }
    }
    await start('kubernetes');
    await kube.must('PATCH', `${paths.slices}/web-1`, { endpoints: slice(true).endpoints });
    await untilFrom('kubernetes');
    await kill.files();
    await waitFor(async () => !(await listed()).some(({ platform }) => platform === 'files'), {
      what: 'the file’s end',
    });
    await untilFrom('kubernetes');
    expect((await periplus(['check', '--server', admin])).stdout).not.toMatch(/losses of/);
  }, 240_000);
});

/** A Service with one instance, or none, as Kubernetes objects in a file. */
function fileInstance(instance: { readonly address: string; readonly port: number } | undefined, port: number): string {
  const objects: object[] = [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' } },
      spec: { ports: [{ name: 'http', port }] },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Node' },
      metadata: {
        name: 'file-node',
        labels: { 'topology.kubernetes.io/region': 'ap', 'topology.kubernetes.io/zone': 'b' },
      },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: { name: 'web-files', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      ports: [{ name: 'http', port: instance?.port ?? 1, protocol: 'TCP' }],
      endpoints: instance
        ? [{ addresses: [instance.address], conditions: { ready: true }, nodeName: 'file-node', zone: 'b' }]
        : [],
    },
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** One listener for each Envoy, outlier detection (what locality failover needs) and retries. */
function configuration(port: number): string {
  const sidecar = (index: number) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client-${index}, namespace: default }
spec:
  workloadSelector: { labels: { app: client-${index} } }
  egress:
    - port: { number: ${port}, protocol: HTTP, name: http }
      bind: 127.0.0.${index}
      captureMode: NONE
      hosts: ["./*"]
`;
  const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: default }
spec:
  host: ${host}
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 100 }
    loadBalancer: { localityLbSetting: { enabled: true, failover: [{ from: eu, to: us }] } }
`;
  // A retry may come before the ejection that its first try led to has reached Envoy's workers: more tries than the default two.
  const retries = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: default }
spec:
  hosts: [${host}]
  http:
    - route: [{ destination: { host: ${host} } }]
      retries: { attempts: 6, retryRemoteLocalities: true, retryOn: "connect-failure,refused-stream,unavailable" }
`;
  return [sidecar(1), sidecar(2), rule, retries].join('---');
}
