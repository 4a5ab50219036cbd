// Protocols that keep a connection busy or change it: gRPC streams with timeouts and retries, upgrades, ports that serve two protocols.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send, sendHttp2, untilClosed } from '../client.ts';
import { grpcStream } from '../grpc-stream.ts';
import { gateway, gatewaySelector, meshConfig, serviceEntry, virtualService } from '../resources.ts';

const http = 'VirtualService.http';
const host = 'web.example.com';

/** gRPC for the host of the gateway, with the settings of a route. */
const rpc = (settings: object) => (place: Place) => [
  virtualService('rpc', {
    hosts: ['echo', host],
    gateways: ['mesh', 'base'],
    http: [{ route: [{ destination: { host: 'echo', port: { number: place.ports.grpc } } }], ...settings }],
  }),
];

/** How often a call that fails twice arrived, and its status. */
async function failingTwice(mesh: CaseMesh, status: string) {
  const key = mesh.newKey();
  const headers = { 'x-key': key, 'x-fail': '2', 'x-grpc-only': status };
  const { grpcStatus } = await sendHttp2('/pkg.Service/Get', { port: mesh.ports.grpc, grpc: true, headers });
  return [grpcStatus, mesh.seen(key).length];
}

/** See the file's first line. */
export const protocolStreamCases: readonly TrafficCase[] = [
  {
    name: 'gRPC: a stream’s messages pass both ways while it is open, through sidecar and gateway; status and message end it',
    proves: [],
    resources: rpc({}),
    run: async (mesh) => {
      const expected = { messages: ['one', 'two', 'three'], status: '0', message: 'done' };
      const headers = { 'x-stream': '1' };
      for (const to of [
        { port: mesh.ports.grpc, host: 'echo' },
        { port: mesh.ports.gateway, host },
      ])
        assert.deepEqual(await grpcStream({ ...to, headers }, expected.messages), expected);
    },
  },
  {
    name: 'gRPC: retried by status, where that comes alone; other statuses are not',
    proves: [`${http}.retries.retryOn`],
    resources: rpc({ retries: { attempts: 3, retryOn: 'unavailable,resource-exhausted' } }),
    run: async (mesh) => {
      assert.deepEqual(await failingTwice(mesh, '14'), ['0', 3]);
      assert.deepEqual(await failingTwice(mesh, '8'), ['0', 3]);
      assert.deepEqual(await failingTwice(mesh, '3'), ['3', 1]);
    },
  },
  {
    name: 'gRPC: Istio’s retries without a policy: unavailable and cancelled',
    proves: [],
    run: async (mesh) => {
      assert.deepEqual(await failingTwice(mesh, '14'), ['0', 3]);
      assert.deepEqual(await failingTwice(mesh, '1'), ['0', 3]);
      assert.deepEqual(await failingTwice(mesh, '13'), ['13', 1]);
    },
  },
  {
    name: 'gRPC: a timeout is a status, not an HTTP error; the client’s own deadline does not replace it',
    proves: [`${http}.timeout`],
    resources: rpc({ timeout: '0.3s' }),
    run: async (mesh) => {
      const call = { port: mesh.ports.grpc, grpc: true };
      const slow = await sendHttp2('/pkg.Service/Get', { ...call, headers: { 'x-delay-ms': '3000' } });
      assert.deepEqual([slow.status, slow.grpcStatus], [200, '14']);
      const patient = { 'x-delay-ms': '3000', 'grpc-timeout': '20S' };
      assert.equal((await sendHttp2('/pkg.Service/Get', { ...call, headers: patient })).grpcStatus, '14');
    },
  },
  {
    name: 'gRPC: no route and no instance are statuses too',
    proves: [],
    resources: rpc({ match: [{ uri: { prefix: '/known.Service/' } }] }),
    run: async (mesh) => {
      const call = { port: mesh.ports.grpc, grpc: true };
      assert.equal((await sendHttp2('/other.Service/Get', call)).grpcStatus, '12');
      assert.equal((await sendHttp2('/known.Service/Get', call)).grpcStatus, '0');
    },
  },
  {
    name: 'an upgrade to h2c is not taken: the answer comes over HTTP/1.1',
    proves: [],
    run: async (mesh) => {
      const upgrade = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n';
      const text = `GET / HTTP/1.1\r\nhost: other\r\n${upgrade}\r\n`;
      const answer = await untilClosed(mesh.ports.http, text, (all) => all.includes('"body":""'));
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.doesNotMatch(answer, /"upgrade":/);
    },
  },
  {
    name: 'CONNECT is not taken at a port for HTTP, nor HTTP/1.0: no open proxy',
    proves: [],
    run: async (mesh) => {
      const isHead = (all: string) => all.includes('\r\n\r\n');
      const connect = await untilClosed(mesh.ports.http, 'CONNECT other:80 HTTP/1.1\r\nhost: other:80\r\n\r\n', isHead);
      assert.match(connect, /^HTTP\/1\.1 404 /);
      assert.match(
        await untilClosed(mesh.ports.http, 'GET / HTTP/1.0\r\nhost: other\r\n\r\n', isHead),
        /^HTTP\/1\.1 426 /,
      );
    },
  },
  {
    name: 'a server that speaks first: at once on a TCP port; where the protocol is detected, after the detection timeout',
    proves: ['MeshConfig.protocolDetectionTimeout'],
    resources: ({ ports }) => [
      meshConfig({ protocolDetectionTimeout: '0.5s' }),
      serviceEntry('greeter', {
        hosts: ['greeter.example.com'],
        location: 'MESH_EXTERNAL',
        resolution: 'STATIC',
        ports: [
          { number: ports.spare[0], name: 'tcp', protocol: 'TCP' },
          { number: ports.spare[1], name: 'mysql', protocol: 'MySQL' },
          { number: ports.spare[2], name: 'any', protocol: '' },
        ],
        endpoints: [
          { address: '127.66.0.98', ports: { tcp: ports.spare[5], mysql: ports.spare[5], any: ports.spare[5] } },
        ],
      }),
    ],
    run: async (mesh) => {
      const server = createServer((socket) => socket.on('error', () => {}).write('220 hello\r\n'));
      await new Promise<void>((resolve) => server.listen(mesh.ports.spare[5], mesh.silentAddress, resolve));
      try {
        for (const port of mesh.ports.spare.slice(0, 3))
          assert.equal(await untilClosed(port, '', (all) => all.endsWith('\n')), '220 hello\r\n');
      } finally {
        server.close();
      }
    },
  },
  {
    name: 'a proxy’s metadata HTTP10 and IDLE_TIMEOUT: HTTP/1.0 is taken, idle connections are closed',
    proves: [],
    resources: ({ ports }) => [
      meshConfig({ defaultConfig: { connectionSettings: { httpDrainTimeout: '0.1s' } } }),
      gateway('old', {
        selector: { istio: 'old' },
        servers: [
          { port: { number: ports.spare[0], name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1', hosts: ['*'] },
        ],
      }),
      virtualService('old', { hosts: [host], gateways: ['old'], http: [{ directResponse: { status: 210 } }] }),
    ],
    run: async (mesh) => {
      const metadata = { HTTP10: '1', IDLE_TIMEOUT: '300ms' };
      const labels = { istio: 'old' };
      const name = 'old-gateway';
      const gone = await mesh.join({
        type: 'router',
        addresses: ['127.77.0.9'],
        name,
        namespace: 'default',
        labels,
        metadata,
      });
      try {
        const port = mesh.ports.spare[0];
        await send('/', { port, host });
        assert.match(await untilClosed(port, `GET / HTTP/1.0\r\nhost: ${host}\r\n\r\n`), /^HTTP\/1\.[01] 210 /);
        // Nobody asks for the end of this one.
        assert.match(await untilClosed(port, `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`), /^HTTP\/1\.[01] 210 /);
      } finally {
        await gone.stop();
      }
    },
  },
  {
    name: 'a gateway’s port with TLS and, from a later server, plain HTTP',
    proves: ['Gateway.servers.port.protocol', 'Gateway.servers.hosts'],
    resources: ({ ports, files }) => {
      const place = { bind: '127.0.0.1', hosts: [host] };
      const port = (name: string, protocol: string) => ({ number: ports.spare[0], name, protocol });
      const tls = { mode: 'SIMPLE' as const, serverCertificate: files.server, privateKey: files.serverKey };
      return [
        gateway('both', {
          selector: gatewaySelector,
          servers: [
            { port: port('https', 'HTTPS'), ...place, tls },
            { port: port('http', 'HTTP'), ...place, hosts: ['*.example.com'] },
          ],
        }),
        virtualService('web', { hosts: [host], gateways: ['both'], http: [{ directResponse: { status: 210 } }] }),
      ];
    },
    run: async (mesh) => {
      const call = { port: mesh.ports.spare[0], host, timeoutMs: 5_000 };
      const tls = { ca: mesh.certificates.ca, servername: host };
      assert.equal((await send('/', call)).status, 210);
      assert.equal((await send('/', { ...call, tls })).status, 210);
      assert.equal((await send('/', { ...call, host: 'api.example.com' })).status, 404);
      await assert.rejects(exchange('x', { port: call.port, tls: { ...tls, servername: 'api.example.com' } }));
    },
  },
];
