// Captured traffic: what an application sees that knows nothing of its proxy, iptables bringing all it sends and gets there.
import assert from 'node:assert/strict';
import { waitFor } from '../../support/wait-for.ts';
import { type CapturedCase, type CapturedMesh, vips } from '../captured/mesh.ts';
import { exchange, send } from '../client.ts';
import type { Echo } from '../echo-server.ts';
import { meshConfig, serviceEntry, sidecar, virtualService } from '../resources.ts';

type Outcome = Awaited<ReturnType<CapturedMesh['sends']>>;

const answeredBy = (outcome: Outcome): string =>
  outcome.text?.startsWith('{"instance"')
    ? (JSON.parse(outcome.text) as Echo).instance
    : (outcome.text ?? '').split(' ')[0] || '';
const by =
  (...names: readonly string[]) =>
  (outcome: Outcome) =>
    names.includes(answeredBy(outcome));
const isRefused = (outcome: Outcome) => outcome.error !== undefined || (outcome.status ?? 0) >= 500;
const registryOnly = () => meshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });

/** What comes to the namespace from this machine. */
const comesIn = (mesh: CapturedMesh, port: number, path = '/') =>
  send(path, { address: `${mesh.prefix}.2`, port, host: 'client', timeoutMs: 5_000 });

/** See the file's first line. */
export const capturedCases: readonly CapturedCase[] = [
  {
    name: 'HTTP to a service’s virtual address goes to its instances',
    proves: [],
    run: async (mesh) => {
      const call = { kind: 'http', address: vips.web, port: 80, host: 'web', text: '/' } as const;
      const names = new Set<string>();
      await mesh.sees(call, (outcome) => by('a', 'b')(outcome) && names.add(answeredBy(outcome)).size === 2);
    },
  },
  {
    name: 'a VirtualService holds for captured HTTP',
    proves: ['VirtualService.http.match.uri.prefix', 'VirtualService.http.directResponse.status'],
    resources: () => [
      virtualService('web', {
        hosts: ['web'],
        http: [
          { match: [{ uri: { prefix: '/answered' } }], directResponse: { status: 218 } },
          { route: [{ destination: { host: 'web' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const call = { kind: 'http', address: vips.web, port: 80, host: 'web' } as const;
      await mesh.sees({ ...call, text: '/answered' }, ({ status }) => status === 218);
      await mesh.sees({ ...call, text: '/' }, by('a', 'b'));
    },
  },
  {
    name: 'two TCP services on one port are told apart by their virtual addresses',
    proves: [],
    run: async (mesh) => {
      await mesh.sees({ kind: 'bytes', address: vips.db, port: 3306, text: 'x' }, by('a'));
      await mesh.sees({ kind: 'bytes', address: vips.cache, port: 3306, text: 'x' }, by('b'));
    },
  },
  {
    name: 'a headless TCP service: the instance that the application looked up',
    proves: [],
    resources: () => [registryOnly()],
    run: async (mesh) => {
      const { address, port } = mesh.servers.a;
      await mesh.sees({ kind: 'bytes', address, port, text: 'x' }, by('a'));
    },
  },
  {
    name: 'a port without a declared protocol: HTTP by route, bytes as they are',
    proves: [],
    run: async (mesh) => {
      await mesh.sees({ kind: 'http', address: vips.web, port: 8000, host: 'web:8000', text: '/' }, by('a', 'b'));
      await mesh.sees({ kind: 'bytes', address: vips.web, port: 8000, text: '\0\x01' }, by('a', 'b'));
    },
  },
  {
    name: 'outboundTrafficPolicy ALLOW_ANY: unknown addresses are reached by PassthroughCluster; REGISTRY_ONLY: not',
    proves: ['MeshConfig.outboundTrafficPolicy.mode'],
    later: () => [registryOnly()],
    run: async (mesh, later) => {
      const { address, port } = mesh.servers.outside;
      const call = { kind: 'bytes', address, port, text: 'x' } as const;
      await mesh.sees(call, by('outside'));
      await mesh.sees({ ...call, kind: 'http', text: '/' }, by('outside'));
      assert.ok((await mesh.stat('cluster.PassthroughCluster.upstream_cx_total')) > 0);
      await mesh.apply(...later);
      await mesh.sees(call, isRefused);
      await mesh.sees({ ...call, kind: 'http', text: '/' }, isRefused);
    },
  },
  {
    name: 'Sidecar outboundTrafficPolicy ALLOW_ANY under a mesh with REGISTRY_ONLY',
    proves: ['Sidecar.outboundTrafficPolicy.mode'],
    resources: () => [registryOnly(), sidecar('default', { outboundTrafficPolicy: { mode: 'ALLOW_ANY' } })],
    run: async (mesh) => {
      const { address, port } = mesh.servers.outside;
      await mesh.sees({ kind: 'bytes', address, port, text: 'x' }, by('outside'));
    },
  },
  {
    name: 'ServiceEntry resolution NONE, HTTP: the address that the application dialled, under the mesh’s rules',
    proves: [
      'ServiceEntry.resolution',
      'ServiceEntry.location',
      'ServiceEntry.ports.number',
      'ServiceEntry.ports.protocol',
    ],
    resources: ({ servers }) => [
      registryOnly(),
      serviceEntry('outside', {
        hosts: ['outside.example.com'],
        location: 'MESH_EXTERNAL',
        resolution: 'NONE',
        ports: [{ number: servers.outside.port, name: 'http', protocol: 'HTTP' }],
      }),
      virtualService('outside', {
        hosts: ['outside.example.com'],
        http: [
          {
            headers: { request: { set: { 'x-by': 'proxy' } } },
            route: [{ destination: { host: 'outside.example.com' } }],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const { address, port } = mesh.servers.outside;
      const call = { kind: 'http', address, port, text: '/' } as const;
      const { text } = await mesh.sees({ ...call, host: `outside.example.com:${port}` }, by('outside'));
      assert.equal((JSON.parse(text ?? '') as Echo).headers['x-by'], 'proxy');
      await mesh.sees({ ...call, host: `others.example.com:${port}` }, isRefused);
    },
  },
  {
    name: 'ServiceEntry resolution NONE, TCP, at another port of the same address, and TLS by SNI',
    proves: ['ServiceEntry.resolution', 'ServiceEntry.ports.protocol', 'ServiceEntry.ports.targetPort'],
    resources: ({ servers: { outside } }) => [
      registryOnly(),
      serviceEntry('outside', {
        hosts: ['outside.example.com'],
        location: 'MESH_EXTERNAL',
        resolution: 'NONE',
        ports: [
          { number: outside.port, name: 'tcp', protocol: 'TCP' },
          { number: 7001, name: 'moved', protocol: 'TCP', targetPort: outside.port },
          { number: outside.tlsPort, name: 'tls', protocol: 'TLS' },
        ],
      }),
    ],
    run: async (mesh) => {
      const { address, port, tlsPort } = mesh.servers.outside;
      await mesh.sees({ kind: 'bytes', address, port, text: 'x' }, by('outside'));
      await mesh.sees({ kind: 'bytes', address, port: 7001, text: 'x' }, by('outside'));
      const tls = { kind: 'tls', address, port: tlsPort, text: 'x' } as const;
      await mesh.sees({ ...tls, host: 'outside.example.com' }, by('outside'));
      await mesh.sees({ ...tls, host: 'others.example.com' }, isRefused);
    },
  },
  {
    name: 'ServiceEntry addresses: a range leads to its endpoints',
    proves: ['ServiceEntry.addresses', 'ServiceEntry.endpoints.address'],
    resources: ({ servers: { a } }) => [
      serviceEntry('range', {
        hosts: ['range.example.com'],
        addresses: ['10.99.0.0/16'],
        resolution: 'STATIC',
        ports: [{ number: 7000, name: 'tcp', protocol: 'TCP' }],
        endpoints: [{ address: a.address, ports: { tcp: a.port } }],
      }),
    ],
    run: async (mesh) => {
      await mesh.sees({ kind: 'bytes', address: '10.99.3.4', port: 7000, text: 'x' }, by('a'));
      await mesh.sees({ kind: 'bytes', address: '10.98.3.4', port: 7000, text: 'x' }, isRefused);
    },
  },
  {
    name: 'what comes in for a service’s port passes the proxy, and so does what no service has',
    proves: [],
    run: async (mesh) => {
      const answer = await comesIn(mesh, mesh.app.port);
      assert.equal(answer.echo.instance, 'app');
      assert.ok(answer.headers['x-envoy-upstream-service-time'], 'through Envoy');
      const tls = { servername: 'client', rejectUnauthorized: false };
      assert.match(await exchange('x', { address: `${mesh.prefix}.2`, port: mesh.app.tlsPort, tls }), /^app x/);
      assert.ok((await mesh.stat('cluster.InboundPassthroughCluster.upstream_cx_total')) > 0);
    },
  },
  {
    name: 'inboundTrafficPolicy LOCALHOST: the application is called at loopback, else at its own address',
    proves: ['MeshConfig.inboundTrafficPolicy.mode'],
    later: () => [meshConfig({ inboundTrafficPolicy: { mode: 'LOCALHOST' } })],
    run: async (mesh, later) => {
      const calledAt = async (expected: string) => {
        let last = '';
        await waitFor(async () => (last = (await comesIn(mesh, mesh.app.port)).echo.calledAt) === expected, {
          what: () => `a call at ${expected}, last ${last}`,
          limitMs: 10_000,
        });
      };
      await calledAt(`${mesh.prefix}.2`);
      await mesh.apply(...later);
      await calledAt('127.0.0.1');
    },
  },
  {
    name: 'Sidecar ingress: captured ports that lead to the application’s own, by loopback and by the workload’s address',
    proves: ['port.number', 'port.protocol', 'port.name', 'defaultEndpoint', 'captureMode'].map(
      (field) => `Sidecar.ingress.${field}`,
    ),
    resources: ({ app }) => [
      sidecar('default', {
        ingress: [
          {
            port: { number: 9999, protocol: 'HTTP', name: 'http' },
            defaultEndpoint: `127.0.0.1:${app.port}`,
            captureMode: 'IPTABLES',
          },
          {
            port: { number: 9998, protocol: 'HTTP', name: 'http-own' },
            defaultEndpoint: `0.0.0.0:${app.port}`,
            captureMode: 'IPTABLES',
          },
        ],
      }),
    ],
    run: async (mesh) => {
      for (const port of [9999, 9998]) assert.equal((await comesIn(mesh, port)).echo.instance, 'app');
    },
  },
  {
    name: 'Sidecar egress: captured by port alone, bound for real with captureMode NONE',
    proves: [
      'egress.captureMode',
      'egress.bind',
      'egress.port.number',
      'egress.port.protocol',
      'egress.port.name',
      'egress.hosts',
    ].map((field) => `Sidecar.${field}`),
    resources: () => [
      sidecar('default', {
        egress: [
          {
            port: { number: 80, protocol: 'HTTP', name: 'http' },
            captureMode: 'IPTABLES',
            hosts: ['./web.default.svc.cluster.local'],
          },
          {
            port: { number: 3306, protocol: 'TCP', name: 'tcp' },
            bind: '127.0.0.1',
            captureMode: 'NONE',
            hosts: ['./db.default.svc.cluster.local'],
          },
        ],
        outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      }),
    ],
    run: async (mesh) => {
      await mesh.sees({ kind: 'http', address: vips.web, port: 80, host: 'web', text: '/' }, by('a', 'b'));
      await mesh.sees({ kind: 'bytes', address: '127.0.0.1', port: 3306, text: 'x' }, by('a'));
      await mesh.sees({ kind: 'bytes', address: vips.cache, port: 3306, text: 'x' }, isRefused);
    },
  },
];
