// Cases of kubernetes.test.ts: the forms that services and endpoints have, and how long collections and quiet times are read.
import { expect, it } from 'vitest';
import type { Endpoint, Service } from '../../events/model.ts';
import { FaultyGateway } from '../support/faulty-gateway.ts';
import type { TestKube } from '../support/kube.ts';
import { startAdapter } from '../support/kube-adapter.ts';
import { paths, putPod, serviceObject, sliceObject } from '../support/kube-objects.ts';
import { waitFor } from '../support/wait-for.ts';
import type { OnKube } from './on-kube.ts';

/** Above the 500 objects of one page. */
const manySlices = 520;

/** Registers the cases. The node `n1` exists. */
export function shapeCases(onKube: OnKube): void {
  it(
    'ExternalName, headless, appProtocol, readiness and topology are what the API says they are',
    onKube(async (kube) => {
      await makeShapes(kube);
      await using adapter = startAdapter(kube.port, kube);
      await adapter.untilState('synced');
      await adapter.untilEqual('the shapes');
      const { registry } = await adapter.mesh();
      const service = (name: string) => registry.services.get(keyOf(name)) as Service;
      const endpoints = (name: string) => registry.endpoints(keyOf(name)) as readonly Endpoint[];
      const one = (name: string, id: string) => endpoints(name).find((endpoint) => endpoint.id === id);

      expect(service('outside')).toMatchObject({ externalName: 'example.com', resolution: 'DNS', addresses: [] });
      expect(endpoints('outside')).toMatchObject([{ address: 'example.com', health: 'healthy', ports: { http: 80 } }]);
      expect(service('headless')).toMatchObject({ headless: true, resolution: 'NONE', addresses: [] });
      expect(endpoints('headless')).toMatchObject([{ address: '10.70.0.1' }]);
      expect(service('protocols').ports.map(({ name, protocol }) => [name, protocol])).toEqual([
        ['a', 'HTTP2'],
        ['b', 'GRPC'],
        ['c', 'HTTP'],
        ['d', 'TCP'],
      ]);
      // What controllers write for publishNotReadyAddresses: ready although the pod is not.
      expect(one('early', 'waiting')).toMatchObject({ health: 'healthy', workload: 'waiting' });
      expect(endpoints('states').map(({ address, health }) => [address, health])).toEqual([
        ['10.70.2.1', 'healthy'],
        ['10.70.2.2', 'unhealthy'],
        ['10.70.2.3', 'draining'],
        ['10.70.2.4', 'unhealthy'],
      ]);
      expect(one('states', '10.70.2.1')?.locality).toBe('eu/eu-1');
      expect(one('states', '10.70.2.2')?.locality).toBe('/eu-7');

      await kube.must('PATCH', '/api/v1/nodes/n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'eu-2' } } });
      await waitFor(async () => (await adapter.mesh()).registry.endpoints(keyOf('states'))[0]?.locality === 'eu/eu-2', {
        what: "the node's new zone",
      });
      await kube.must('PATCH', '/api/v1/nodes/n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'eu-1' } } });
      await kube.must('PATCH', `${paths.slices}/states-1`, { endpoints: [stateOf('10.70.2.2', { ready: true })] });
      await adapter.untilEqual('one endpoint that became ready');
      expect((await adapter.mesh()).registry.endpoints(keyOf('states'))).toMatchObject([{ health: 'healthy' }]);
    }),
  );

  it(
    `${manySlices} slices are read page by page, and a watch goes on from its bookmark`,
    onKube(async (kube) => {
      const gateway = await FaultyGateway.start(kube);
      try {
        await kube.must('POST', paths.services, serviceObject('many'));
        await inParallel(manySlices, async (index) => {
          const slice = sliceObject('many', [`10.80.${index >> 8}.${index & 255}`]);
          await kube.must('POST', paths.slices, { ...slice, metadata: { ...slice.metadata, name: `many-${index}` } });
        });
        // Servers tell where a watch is two seconds before it ends.
        const timing = { watchMs: 2_500 };
        await using adapter = startAdapter(gateway.port, kube, { server: gateway.url, timing });
        await adapter.untilState('synced');
        await adapter.untilEqual('all pages');
        expect((await adapter.mesh()).registry.endpoints(keyOf('many'))).toHaveLength(manySlices);
        const slices = gateway.requests.filter((url) => url.startsWith('/apis/discovery.k8s.io/v1/endpointslices?'));
        expect(slices.some((url) => url.includes('continue='))).toBe(true);
        // Only other collections change now: where the nodes' next watch begins can be known by a bookmark alone.
        const nodeWatches = () =>
          gateway.requests
            .filter((url) => url.startsWith('/api/v1/nodes?watch='))
            .map((url) => Number(new URLSearchParams(url.split('?')[1]).get('resourceVersion')));
        const [first = 0] = nodeWatches();
        await kube.must('DELETE', `${paths.slices}?labelSelector=kubernetes.io/service-name%3Dmany`);
        await waitFor(() => (nodeWatches().at(-1) ?? 0) > first, { what: () => `a bookmark: ${nodeWatches().join()}` });
        expect(gateway.requests.filter((url) => url.startsWith('/api/v1/nodes?limit=500'))).toHaveLength(1);
        await adapter.untilEqual('none of them');
      } finally {
        await gateway.stop();
        await kube.must('DELETE', `${paths.services}/many`);
      }
    }),
  );
}

/** Registers the case of namespaces that are not in the mesh. */
export function selectionCase(onKube: OnKube): void {
  it(
    'discoverySelectors choose the namespaces by their labels, and are followed',
    onKube(async (kube) => {
      const service = { ...serviceObject('chosen'), metadata: { name: 'chosen', namespace: 'chosen' } };
      const maps = '/api/v1/namespaces/istio-system/configmaps';
      try {
        const labels = { mesh: 'on' };
        // A namespace can't be deleted without controllers: it may be there from an earlier try.
        await kube.ask('POST', '/api/v1/namespaces', { metadata: { name: 'chosen' } });
        await kube.must('PATCH', '/api/v1/namespaces/chosen', { metadata: { labels } });
        await kube.must('POST', '/api/v1/namespaces/chosen/services', service);
        await kube.must('POST', maps, {
          metadata: { name: 'istio' },
          data: { mesh: 'discoverySelectors: [{ matchLabels: { mesh: "on" } }]' },
        });
        await using adapter = startAdapter(kube.port, kube, { held: true });
        const namespaces = async () =>
          new Set([...(await adapter.mesh()).registry.services.values()].map(({ namespace }) => namespace));
        const are = (what: string, isSo: (found: ReadonlySet<string>) => boolean) =>
          waitFor(async () => isSo(await namespaces()), {
            what: () => `${what}: ${JSON.stringify(adapter.runner.status.value)}`,
          });
        await adapter.untilState('synced');
        expect(await namespaces()).toEqual(new Set(['chosen']));
        await kube.must('PATCH', '/api/v1/namespaces/default', { metadata: { labels } });
        await are('another one', (found) => found.has('default') && found.has('chosen'));
        await kube.must('PATCH', '/api/v1/namespaces/chosen', { metadata: { labels: { mesh: 'off' } } });
        await are('not the first', (found) => found.has('default') && !found.has('chosen'));
        await kube.must('DELETE', `${maps}/istio`);
        await adapter.untilEqual('all again');
      } finally {
        await kube.must('DELETE', `${maps}/istio`);
        await kube.must('PATCH', '/api/v1/namespaces/default', { metadata: { labels: { mesh: null } } });
        await kube.must('DELETE', '/api/v1/namespaces/chosen/services/chosen');
      }
    }),
  );
}

const keyOf = (name: string) => `default/${name}.default.svc.cluster.local`;

function stateOf(address: string, conditions: object, more: object = {}) {
  return { addresses: [address], conditions, ...more };
}

async function makeShapes(kube: TestKube): Promise<void> {
  const service = (name: string, spec: object) =>
    kube.must('POST', paths.services, { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  const slice = (of: string, endpoints: readonly object[]) =>
    kube.must('POST', paths.slices, { ...sliceObject(of, []), endpoints });
  await service('outside', { type: 'ExternalName', externalName: 'example.com', ports: [{ name: 'http', port: 80 }] });
  await service('headless', { clusterIP: 'None', ports });
  await slice('headless', [stateOf('10.70.0.1', { ready: true })]);
  const appProtocols = { a: 'kubernetes.io/h2c', b: 'grpc', c: 'http', d: 'tcp' };
  await service('protocols', {
    ports: Object.entries(appProtocols).map(([name, appProtocol], index) => ({
      name,
      port: 1_000 + index,
      appProtocol,
    })),
  });
  await service('early', { publishNotReadyAddresses: true, ports });
  await putPod(kube, 'waiting', '10.70.1.1', { app: 'early' }, 'False');
  await slice('early', [
    stateOf('10.70.1.1', { ready: true }, { targetRef: { kind: 'Pod', name: 'waiting', namespace: 'default' } }),
  ]);
  await service('states', { ports });
  await slice('states', [
    stateOf('10.70.2.1', { ready: true }, { nodeName: 'n1' }),
    stateOf('10.70.2.2', { ready: false }, { zone: 'eu-7' }),
    stateOf('10.70.2.3', { ready: false, serving: true, terminating: true }),
    stateOf('10.70.2.4', { ready: false, serving: false, terminating: true }),
  ]);
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      for (const index of indexes) await work(index);
    }),
  );
}
