// Sidecar: what a workload accepts, and what it can reach.
import assert from 'node:assert/strict';
import type { SidecarSpec } from '../../../mesh/config/schemas/sidecar.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, isRefused, send } from '../client.ts';
import { versions } from '../expectations.ts';
import { type Manifest, meshConfig, sidecar } from '../resources.ts';

function own(spec: (place: Place) => SidecarSpec): (place: Place) => Manifest[] {
  return (place) => [sidecar('client', { workloadSelector: { labels: { app: 'client' } }, ...spec(place) })];
}
const fields = (...names: readonly string[]) => names.map((name) => `Sidecar.${name}`);

async function isReached(mesh: CaseMesh, host: string, call = {}): Promise<boolean> {
  const answer = await mesh.get('/', { host, timeoutMs: 2_000, ...call }).catch(() => undefined);
  return answer?.body.startsWith('{"instance"') ?? false;
}

/** See the file's first line. */
export const sidecarCases: readonly TrafficCase[] = [
  {
    name: 'egress.hosts: one namespace, one service',
    proves: fields('egress.hosts', 'workloadSelector.labels', 'outboundTrafficPolicy.mode'),
    resources: own(() => ({
      egress: [{ hosts: ['./echo.default.svc.cluster.local', 'shop/*'] }],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    })),
    run: async (mesh) => {
      assert.equal(await isReached(mesh, 'echo'), true);
      assert.equal(await isReached(mesh, 'echo.shop'), true);
      assert.equal((await mesh.get('/', { host: 'other' })).status, 502);
    },
  },
  {
    name: 'workloadSelector of another workload',
    proves: fields('workloadSelector.labels'),
    resources: () => [
      sidecar('theirs', {
        workloadSelector: { labels: { app: 'someone-else' } },
        egress: [{ hosts: ['shop/*'] }],
        outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      }),
    ],
    run: async (mesh) => assert.equal(await isReached(mesh, 'other'), true),
  },
  {
    name: 'the namespace’s Sidecar, then a workload’s own before it',
    proves: fields('egress.hosts'),
    resources: () => [
      sidecar('default', { egress: [{ hosts: ['shop/*'] }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
    ],
    later: own(() => ({ egress: [{ hosts: ['./*', 'shop/*'] }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } })),
    run: async (mesh, later) => {
      assert.equal(await isReached(mesh, 'echo.shop'), true);
      assert.equal((await mesh.get('/', { host: 'other' })).status, 502);
      await mesh.apply(...later);
      assert.equal(await isReached(mesh, 'other'), true);
    },
  },
  {
    name: 'the root namespace’s Sidecar holds for all',
    proves: fields('egress.hosts'),
    resources: () => [
      sidecar(
        'default',
        { egress: [{ hosts: ['shop/*'] }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
        { namespace: 'istio-system' },
      ),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', { host: 'other' })).status, 502),
  },
  {
    name: 'outboundTrafficPolicy.egressProxy takes what is in no registry',
    proves: fields(
      'outboundTrafficPolicy.egressProxy.host',
      'outboundTrafficPolicy.egressProxy.port.number',
      'outboundTrafficPolicy.mode',
    ),
    resources: own(({ ports }) => ({
      egress: [{ hosts: ['*/*'] }],
      outboundTrafficPolicy: {
        mode: 'ALLOW_ANY',
        egressProxy: { host: 'other.default.svc.cluster.local', port: { number: ports.http } },
      },
    })),
    run: async (mesh) => assert.equal((await mesh.get('/', { host: 'unknown.example.org' })).echo.instance, 'o1'),
  },
  {
    name: 'outboundTrafficPolicy.egressProxy.subset',
    proves: fields('outboundTrafficPolicy.egressProxy.subset'),
    resources: (place) => [
      versions(),
      ...own(({ ports }) => ({
        egress: [{ hosts: ['*/*'] }],
        outboundTrafficPolicy: {
          mode: 'ALLOW_ANY',
          egressProxy: { host: 'echo.default.svc.cluster.local', subset: 'v2', port: { number: ports.http } },
        },
      }))(place),
    ],
    run: async (mesh) => {
      const seen = await mesh.tally(10, '/', { host: 'unknown.example.org' });
      assert.deepEqual(seen, { e2: 10 });
    },
  },
  {
    name: 'egress listeners with a port and an address of their own',
    proves: fields('egress.port.number', 'egress.port.protocol', 'egress.bind', 'egress.captureMode'),
    resources: own(({ ports }) => ({
      egress: [
        {
          port: { number: ports.http, protocol: 'HTTP', name: 'http' },
          bind: '127.77.3.1',
          captureMode: 'NONE',
          hosts: ['./echo.default.svc.cluster.local'],
        },
        {
          port: { number: ports.alt, protocol: 'HTTP', name: 'http-alt' },
          bind: '127.77.3.2',
          captureMode: 'NONE',
          hosts: ['./echo.default.svc.cluster.local'],
        },
      ],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    })),
    run: async (mesh) => {
      assert.equal(await isReached(mesh, 'echo', { address: '127.77.3.1' }), true);
      assert.equal(await isReached(mesh, 'echo', { address: '127.77.3.2', port: mesh.ports.alt }), true);
      assert.equal(await isReached(mesh, 'echo.shop', { address: '127.77.3.1' }), false);
      assert.equal(await isRefused({ port: mesh.ports.alt }), true);
    },
  },
  {
    name: 'egress listener of protocol TCP',
    proves: fields('egress.port.protocol'),
    resources: own(({ ports }) => ({
      egress: [
        {
          port: { number: ports.tcp, protocol: 'TCP', name: 'tcp' },
          bind: '127.77.3.1',
          captureMode: 'NONE',
          hosts: ['./echo.default.svc.cluster.local'],
        },
      ],
    })),
    run: async (mesh) => assert.match(await exchange('x', { port: mesh.ports.tcp, address: '127.77.3.1' }), /^e\d x$/),
  },
  {
    name: 'egress listener HTTP_PROXY: every port by absolute URL',
    proves: fields('egress.port.protocol'),
    resources: own(({ ports }) => ({
      egress: [
        {
          port: { number: ports.spare[0], protocol: 'HTTP_PROXY', name: 'http-proxy' },
          bind: '127.77.3.1',
          captureMode: 'NONE',
          hosts: ['*/*'],
        },
      ],
    })),
    run: async (mesh) => {
      const call = { address: '127.77.3.1', port: mesh.ports.spare[0] };
      for (const port of [mesh.ports.http, mesh.ports.alt]) {
        const host = `echo.default.svc.cluster.local:${port}`;
        assert.match((await send(`http://${host}/x`, { ...call, host })).echo.instance, /^e/);
      }
    },
  },
  {
    name: 'ingress: port, bind and defaultEndpoint',
    proves: fields(
      'ingress.port.number',
      'ingress.port.protocol',
      'ingress.bind',
      'ingress.captureMode',
      'ingress.defaultEndpoint',
    ),
    resources: own(({ ports, instances: { app } }) => ({
      ingress: [
        {
          port: { number: ports.spare[1], protocol: 'HTTP', name: 'http' },
          bind: '127.77.0.9',
          captureMode: 'NONE',
          defaultEndpoint: `127.0.0.1:${app.port}`,
        },
      ],
      egress: [{ hosts: ['*/*'] }],
    })),
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { address: '127.77.0.9', port: mesh.ports.spare[1] })).echo.instance, 'app');
    },
  },
  {
    name: 'ingress of protocol TCP, to a Unix socket’s neighbour: bytes',
    proves: fields('ingress.port.protocol'),
    resources: own(({ ports, instances: { app } }) => ({
      ingress: [
        {
          port: { number: ports.spare[1], protocol: 'TCP', name: 'tcp' },
          bind: '127.77.0.9',
          captureMode: 'NONE',
          defaultEndpoint: `127.0.0.1:${app.port}`,
        },
      ],
      egress: [{ hosts: ['*/*'] }],
    })),
    run: async (mesh) => {
      assert.equal(await exchange('x', { address: '127.77.0.9', port: mesh.ports.spare[1] }), 'app x');
    },
  },
  {
    name: 'outboundTrafficPolicy overrides the mesh’s',
    proves: fields('outboundTrafficPolicy.mode'),
    resources: (place) => [
      meshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
      ...own(() => ({
        egress: [{ hosts: ['*/*'] }],
        outboundTrafficPolicy: {
          mode: 'ALLOW_ANY',
          egressProxy: { host: 'other.default.svc.cluster.local', port: { number: place.ports.http } },
        },
      }))(place),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', { host: 'unknown.example.org' })).echo.instance, 'o1'),
  },
];
