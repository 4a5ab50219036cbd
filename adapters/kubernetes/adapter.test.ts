import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import type { AdapterSink, Observed } from '../adapter.ts';
import { describeAdapterContract, snapshotOf } from '../adapter-contract.ts';
import { FaultyPlatform } from '../faulty-platform-fixture.ts';
import { AdapterRunner } from '../runner.ts';
import { createKubernetesAdapter, type KubernetesAdapterOptions } from './adapter.ts';
import { ApiServerFixture } from './api-server-fixture.ts';

const timing = { backoffMs: { min: 5, max: 50 }, silenceMs: 20_000, settleMs: 2, maxSettleMs: 500, discoveryMs: 30 };
const services = '/api/v1/services';
const slices = '/apis/discovery.k8s.io/v1/endpointslices';
const pods = '/api/v1/pods';
const virtualServices = '/apis/networking.istio.io/v1/virtualservices';

const serviceObject = (name: string, namespace = 'default') => ({
  metadata: { name, namespace, uid: `u-${name}`, managedFields: [{ manager: 'kubectl' }] },
  spec: { clusterIP: '10.96.0.1', selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});
const podObject = (name: string, ip: string, app: string, namespace = 'default') => ({
  metadata: { name, namespace, labels: { app } },
  spec: { serviceAccountName: 'sa', nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
  status: { podIP: ip, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});
const sliceObject = (service: string, endpoints: readonly (readonly [pod: string, ip: string])[]) => ({
  metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: endpoints.map(([name, ip]) => ({
    addresses: [ip],
    conditions: { ready: true },
    targetRef: { kind: 'Pod', name },
  })),
});
const ruleObject = (name: string, weight: unknown = 100) => ({
  metadata: { name, namespace: 'default' },
  spec: { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' }, weight }] }] },
});

function putService(server: ApiServerFixture, name: string, index = 1): void {
  server.put(services, serviceObject(name));
  server.put(pods, podObject(`${name}-p`, `10.0.0.${index}`, name));
  server.put(slices, sliceObject(name, [[`${name}-p`, `10.0.0.${index}`]]));
}

function removeService(server: ApiServerFixture, name: string): void {
  server.remove(services, name, 'default');
  server.remove(slices, `${name}-1`, 'default');
  server.remove(pods, `${name}-p`, 'default');
}

const adapterOver = (url: string, options: Partial<KubernetesAdapterOptions> = {}) =>
  createKubernetesAdapter({
    access: async () => ({ server: url, name: 'test', ...(options.access && (await options.access())) }),
    clusterId: 'c1',
    timing,
    ...(options.open && { open: options.open }),
  });

interface List {
  readonly metadata: object;
  readonly items: readonly unknown[];
}

/** Watches are told 410 Gone when something goes wrong, so that the lists are read: else the adapter rightly goes on without. */
const faultyCluster = () =>
  new FaultyPlatform({
    isList: (path) => /^\/api\/v1\/(services|pods)\?|endpointslices\?/.test(path),
    cut: (body, keep) => ({ ...(body as List), items: (body as List).items.slice(0, keep) }),
    countAnew: (body) => ({ ...(body as List), metadata: { ...(body as List).metadata, resourceVersion: '1' } }),
    forgotten: { status: 410, headers: {}, text: JSON.stringify({ message: 'too old resource version' }) },
  });

describeAdapterContract('the Kubernetes adapter over a stand-in', async () => {
  let server = await ApiServerFixture.start();
  const { port, url } = server;
  let shown = new Set<string>();
  let isDown = false;
  return {
    open: () => adapterOver(url),
    show: async (names) => {
      if (isDown) server = await ApiServerFixture.start(port);
      if (isDown) shown = new Set();
      isDown = false;
      for (const name of shown) if (!names.includes(name)) removeService(server, name);
      for (const [index, name] of names.entries()) if (!shown.has(name)) putService(server, name, index + 1);
      shown = new Set(names);
    },
    breakDown: async () => {
      await server.stop();
      isDown = true;
    },
    faults: faultyCluster().faultsOf((means) => adapterOver(url, means)),
    close: async () => {
      if (!isDown) await server.stop();
    },
  };
});

describe('the Kubernetes adapter', { timeout: 20_000 }, () => {
  async function withCluster(
    test: (tools: ReturnType<typeof start> & { server: ApiServerFixture }) => Promise<void>,
    prepare: (server: ApiServerFixture) => void = () => {},
    token?: string,
  ): Promise<void> {
    const server = await ApiServerFixture.start();
    prepare(server);
    const running = start(server, token);
    try {
      await test({ server, ...running });
    } finally {
      await running.stop();
      await server.stop();
    }
  }

  function start(server: ApiServerFixture, token?: string) {
    const log = new MemoryLog();
    const controller = new AbortController();
    const adapter = adapterOver(
      server.url,
      token ? { access: async () => ({ server: server.url, name: 'test', token: { token } }) } : {},
    );
    const runner = new AdapterRunner({ adapter, log, clock: systemClock, logger: silentLogger });
    const ended = runner.run(controller.signal).catch((error: unknown) => {
      if (!controller.signal.aborted) throw error;
    });
    const until = async (what: string, isSo: (mesh: Snapshot) => boolean) => {
      for (const end = performance.now() + 8_000; !isSo(await snapshotOf(log)); await sleep(5))
        if (performance.now() > end)
          throw new Error(`waited in vain for ${what}: ${JSON.stringify(runner.status.value)}`);
    };
    return {
      log,
      runner,
      until,
      untilSynced: () => until('synced', () => runner.status.value?.state === 'synced'),
      stop: async () => {
        controller.abort();
        await ended;
      },
    };
  }

  const endpointsIn = ({ registry }: Snapshot, service: string) =>
    registry.endpoints(`default/${service}.default.svc.cluster.local`);

  it('gives endpoints what their pods and nodes say, and follows both', () =>
    withCluster(
      async ({ server, until, untilSynced }) => {
        await untilSynced();
        await until('an endpoint', (mesh) => endpointsIn(mesh, 'a')[0]?.labels.app === 'a');
        server.put('/api/v1/nodes', {
          metadata: {
            name: 'n1',
            labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' },
          },
        });
        await until('the locality', (mesh) => endpointsIn(mesh, 'a')[0]?.locality === 'eu/eu-1');
        server.put(pods, {
          ...podObject('a-p', '10.0.0.1', 'a'),
          metadata: { name: 'a-p', namespace: 'default', labels: { app: 'a', version: 'v2' } },
        });
        await until('the label', (mesh) => endpointsIn(mesh, 'a')[0]?.labels.version === 'v2');
        server.put('/api/v1/namespaces', {
          metadata: { name: 'istio-system', labels: { 'topology.istio.io/network': 'west' } },
        });
        await until('the network', (mesh) => endpointsIn(mesh, 'a')[0]?.network === 'west');
      },
      (server) => putService(server, 'a'),
    ));

  it('writes nothing about what means nothing', () =>
    withCluster(
      async ({ server, log, until, untilSynced }) => {
        await untilSynced();
        const before = (await log.head()).position;
        server.put(pods, {
          ...podObject('a-p', '10.0.0.1', 'a'),
          status: { ...podObject('a-p', '10.0.0.1', 'a').status, startTime: 'later' },
        });
        server.put(services, serviceObject('b'));
        await until('the service after it', (mesh) => mesh.registry.services.size === 2);
        expect((await log.head()).position).toBe(before + 1);
      },
      (server) => putService(server, 'a'),
    ));

  it('reads every page of a long list', () =>
    withCluster(
      async ({ server, until }) => {
        await until('all services', (mesh) => mesh.registry.services.size === 1_203);
        expect(server.requests.filter((url) => url.startsWith(`${services}?limit=500&continue`))).toHaveLength(2);
      },
      (server) => {
        for (let index = 0; index < 1_203; index++) server.put(services, serviceObject(`s${index}`));
      },
    ));

  it('applies valid resources, reports invalid ones and keeps what they said before', () =>
    withCluster(
      async ({ server, runner, log, until, untilSynced }) => {
        await until('the rule', (mesh) => mesh.config.get('VirtualService', 'default', 'good') !== undefined);
        await untilSynced();
        expect(runner.status.value?.problems.get('config/VirtualService/default/bad')).toMatch(/spec\.http.*weight/);
        server.put(virtualServices, ruleObject('good', 'many'));
        await until(
          'the problem',
          () => runner.status.value?.problems.has('config/VirtualService/default/good') ?? false,
        );
        const { config } = await snapshotOf(log);
        expect(config.get('VirtualService', 'default', 'good')?.spec).toEqual(ruleObject('good').spec);
        server.put(virtualServices, ruleObject('good', 50));
        await until('no problem', () => !runner.status.value?.problems.has('config/VirtualService/default/good'));
        server.remove(virtualServices, 'bad', 'default');
        await until('no problem at all', () => runner.status.value?.problems.size === 0);
        server.remove(virtualServices, 'good', 'default');
        await until('no rule', (mesh) => mesh.config.get('VirtualService', 'default', 'good') === undefined);
      },
      (server) => {
        server.define(virtualServices);
        server.put(virtualServices, ruleObject('good'));
        server.put(virtualServices, ruleObject('bad', -1));
      },
    ));

  it('notices kinds that appear, keeps them while discovery is stale, and empties those that are served no more', () =>
    withCluster(async ({ server, until, untilSynced }) => {
      await untilSynced();
      server.define(virtualServices);
      server.put(virtualServices, ruleObject('late'));
      const has = (mesh: Snapshot) => mesh.config.get('VirtualService', 'default', 'late') !== undefined;
      await until('the rule', has);
      const asked = () => server.requests.filter((url) => url === '/apis').length;
      server.staleGroups = ['networking.istio.io'];
      const before = asked();
      await until('some looks', () => asked() > before + 4);
      await until('the rule still', has);
      server.staleGroups = [];
      server.undefine(virtualServices);
      await until('no rule', (mesh) => !has(mesh));
      await untilSynced();
    }));

  it('shows the namespaces that discoverySelectors select, and follows selectors and labels', () =>
    withCluster(
      async ({ server, until, untilSynced, runner, log }) => {
        await untilSynced();
        const shown = ({ registry, config }: Snapshot) =>
          [
            ...registry.services.keys(),
            ...config.list('VirtualService').map(({ namespace, name }) => `${namespace}/${name}`),
          ]
            .map((key) => key.split('.')[0] ?? '')
            .sort()
            .join();
        const is = (names: string) => until(names, (mesh) => shown(mesh) === names);
        await is('in/rule,in/web');
        for await (const { subject } of log.read()) expect(subject).not.toMatch(/\bout\b/);
        server.put('/api/v1/namespaces', { metadata: { name: 'out', labels: { mesh: 'on' } } });
        await is('in/rule,in/web,out/rule,out/web');
        server.put('/api/v1/namespaces', { metadata: { name: 'in', labels: {} } });
        await is('out/rule,out/web');
        server.remove('/api/v1/namespaces/istio-system/configmaps', 'istio', 'istio-system');
        await is('in/rule,in/web,out/rule,out/web');
        await untilSynced();
        expect(runner.status.value?.heldCount).toBe(0);
      },
      (server) => {
        const selectors = 'discoverySelectors: [{ matchLabels: { mesh: "on" } }]';
        server.put('/api/v1/namespaces/istio-system/configmaps', {
          metadata: { name: 'istio', namespace: 'istio-system' },
          data: { mesh: selectors },
        });
        server.define(virtualServices);
        server.put('/api/v1/namespaces', { metadata: { name: 'in', labels: { mesh: 'on' } } });
        server.put('/api/v1/namespaces', { metadata: { name: 'out' } });
        for (const namespace of ['in', 'out']) {
          server.put(services, serviceObject('web', namespace));
          server.put(virtualServices, { ...ruleObject('rule'), metadata: { name: 'rule', namespace } });
        }
      },
    ));

  it('says what is wrong with its token, without the token', () =>
    withCluster(
      async ({ runner, until }) => {
        await until('lost', () => runner.status.value?.state === 'lost');
        expect(runner.status.value?.reason).toMatch(/does not accept the token of test \(401 Unauthorized\)/);
        expect(JSON.stringify(runner.status.value)).not.toContain('s3cret');
      },
      (server) => (server.token = 'another'),
      's3cret',
    ));

  it('is right again after each of many cuts, with nothing lost in between', () =>
    withCluster(
      async ({ server, until, log, untilSynced }) => {
        await untilSynced();
        for (let round = 0; round < 30; round++) {
          putService(server, `r${round % 7}`, round + 2);
          if (round % 3 === 0) server.cut();
          if (round % 5 === 0) server.compact();
          if (round % 4 === 0) removeService(server, `r${(round + 3) % 7}`);
          if (round % 6 === 1) server.endWatches();
          const want = `10.0.0.${round + 2}`;
          await until(`round ${round}`, (mesh) => endpointsIn(mesh, `r${round % 7}`)[0]?.address === want);
        }
        const gone: string[] = [];
        for await (const event of log.read()) if (event.subject.includes('/a.')) gone.push(event.type);
        expect(gone.filter((type) => type.includes('deregistered'))).toEqual([]);
      },
      (server) => putService(server, 'a'),
    ));

  it('lists again when the server has another past, be it older or longer', () =>
    withCluster(
      async ({ server, until, untilSynced }) => {
        await untilSynced();
        server.startAnew('same', 10);
        putService(server, 'b');
        await until(
          'b of the older past',
          (mesh) => endpointsIn(mesh, 'b').length === 1 && endpointsIn(mesh, 'a').length === 0,
        );
        server.startAnew('other', 5_000);
        putService(server, 'c');
        await until(
          'c of another cluster',
          (mesh) => endpointsIn(mesh, 'c').length === 1 && endpointsIn(mesh, 'b').length === 0,
        );
      },
      (server) => putService(server, 'a'),
    ));

  it('hands on one service when one slice changes, and says that a watch, not a list, told of it', async () => {
    const server = await ApiServerFixture.start();
    for (let index = 0; index < 50; index++) putService(server, `s${index}`, index + 1);
    const reports: ReadonlyMap<string, readonly Observed[]>[] = [];
    const believed: (boolean | undefined)[] = [];
    let reported = () => {};
    let synced = () => {};
    const sink: AdapterSink = {
      replace: async () => {},
      replaceAll: async (contents, options) => {
        const [gone] = [...contents.values()].flat();
        reports.push(contents);
        believed.push(gone && options?.explicit?.(gone));
        reported();
      },
      synced: async () => synced(),
      lost: () => {},
      problem: () => {},
    };
    const controller = new AbortController();
    const untilSynced = new Promise<void>((resolve) => (synced = resolve));
    const running = adapterOver(server.url).run(sink, controller.signal);
    await untilSynced;
    const before = reports.length;
    const next = new Promise<void>((resolve) => (reported = resolve));
    server.put(
      slices,
      sliceObject('s7', [
        ['s7-p', '10.0.0.8'],
        ['x', '10.9.9.9'],
      ]),
    );
    await next;
    controller.abort();
    await running;
    await server.stop();
    expect([...(reports[before]?.keys() ?? [])]).toEqual(['service/default/s7']);
    expect(reports[before]?.get('service/default/s7')).toHaveLength(3);
    expect(believed[0]).toBe(false);
    expect(believed[before]).toBe(true);
  });
});
