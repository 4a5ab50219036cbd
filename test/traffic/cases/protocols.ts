// Protocols: gRPC, WebSocket, HTTP/2, detection where a port says nothing; TCP and TLS rules of VirtualServices.
import assert from 'node:assert/strict';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send, sendHttp2, webSocket } from '../client.ts';
import { assertShare, versions } from '../expectations.ts';
import { type Manifest, virtualService } from '../resources.ts';

type TcpMatch = NonNullable<NonNullable<VirtualServiceSpec['tcp']>[number]['match']>[number];
type TlsMatch = NonNullable<VirtualServiceSpec['tls']>[number]['match'][number];
const tcp = 'VirtualService.tcp';
const tls = 'VirtualService.tls';

/** TCP connections that match go to v2, others to v1. */
function tcpMatching(match: (place: Place) => TcpMatch): (place: Place) => Manifest[] {
  return (place) => [
    versions(),
    virtualService('bytes', {
      hosts: ['echo'],
      tcp: [
        { match: [match(place)], route: [{ destination: { host: 'echo', subset: 'v2' } }] },
        { route: [{ destination: { host: 'echo', subset: 'v1' } }] },
      ],
    }),
  ];
}
/** TLS connections that match go to v2, others to v1. */
function tlsMatching(match: (place: Place) => Omit<TlsMatch, 'sniHosts'>): (place: Place) => Manifest[] {
  return (place) => [
    versions(),
    virtualService('sni', {
      hosts: ['echo', '*.example.com'],
      tls: [
        {
          match: [{ sniHosts: ['a.example.com'], ...match(place) }],
          route: [{ destination: { host: 'echo', subset: 'v2' } }],
        },
        { match: [{ sniHosts: ['*.example.com'] }], route: [{ destination: { host: 'echo', subset: 'v1' } }] },
      ],
    }),
  ];
}
const bytes = async (mesh: CaseMesh) => (await exchange('x', { port: mesh.ports.tcp })).split(' ')[0];
async function sni(mesh: CaseMesh, servername: string) {
  const options = { servername, ca: mesh.certificates.ca };
  return (await send('/', { port: mesh.ports.tls, host: servername, tls: options })).echo;
}
const isTcpMatched = (
  name: string,
  field: string,
  match: (place: Place) => TcpMatch,
  expected: 'e1' | 'e2',
): TrafficCase => ({
  name,
  proves: [`${tcp}.match.${field}`],
  resources: tcpMatching(match),
  run: async (mesh) => assert.equal(await bytes(mesh), expected),
});
const isTlsMatched = (
  name: string,
  field: string,
  match: (place: Place) => Omit<TlsMatch, 'sniHosts'>,
  expected: 'e1' | 'e2',
): TrafficCase => ({
  name,
  proves: [`${tls}.match.${field}`],
  resources: tlsMatching(match),
  run: async (mesh) => assert.equal((await sni(mesh, 'a.example.com')).instance, expected),
});

/** See the file's first line. */
export const protocolCases: readonly TrafficCase[] = [
  {
    name: 'gRPC: status and message pass, trailers too',
    proves: [],
    run: async (mesh) => {
      const call = { port: mesh.ports.grpc, grpc: true };
      const good = await sendHttp2('/pkg.Service/Method', call);
      assert.deepEqual([good.grpcStatus, good.echo.protocol, good.echo.path], ['0', '2.0', '/pkg.Service/Method']);
      assert.equal((await sendHttp2('/x/y', { ...call, headers: { 'x-grpc-status': '5' } })).grpcStatus, '5');
    },
  },
  {
    name: 'gRPC: routed by method and by metadata',
    proves: ['VirtualService.http.match.uri.prefix', 'VirtualService.http.match.headers.*.exact'],
    resources: () => [
      versions(),
      virtualService('grpc', {
        hosts: ['echo'],
        http: [
          { match: [{ uri: { prefix: '/pkg.Orders/' } }], route: [{ destination: { host: 'echo', subset: 'v1' } }] },
          {
            match: [{ headers: { tenant: { exact: 'b' } } }],
            route: [{ destination: { host: 'echo', subset: 'v2' } }],
          },
          { route: [{ destination: { host: 'echo', subset: 'v3' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const call = { port: mesh.ports.grpc, grpc: true };
      assert.equal((await sendHttp2('/pkg.Orders/Get', call)).echo.instance, 'e1');
      assert.equal((await sendHttp2('/pkg.Users/Get', { ...call, headers: { tenant: 'b' } })).echo.instance, 'e2');
      assert.equal((await sendHttp2('/pkg.Users/Get', call)).echo.instance, 'e3');
    },
  },
  {
    name: 'WebSocket through sidecar and gateway',
    proves: [],
    resources: () => [
      virtualService('socket', {
        hosts: ['web.example.com'],
        gateways: ['base'],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      }),
    ],
    run: async (mesh) => {
      assert.deepEqual(await webSocket('/', { port: mesh.ports.http, host: 'other' }, 'hi'), {
        status: 101,
        answer: 'o1 hi',
      });
      assert.deepEqual(await webSocket('/', { port: mesh.ports.gateway, host: 'web.example.com' }, 'hi'), {
        status: 101,
        answer: 'o1 hi',
      });
    },
  },
  {
    name: 'HTTP2 port: HTTP/1.1 clients are served over HTTP/2',
    proves: [],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { port: mesh.ports.http2 })).echo.protocol, '2.0');
      assert.equal((await sendHttp2('/', { port: mesh.ports.http2 })).echo.protocol, '2.0');
    },
  },
  {
    name: 'HTTP port: HTTP/2 clients are served over HTTP/1.1',
    proves: [],
    run: async (mesh) => {
      assert.equal((await sendHttp2('/', { port: mesh.ports.http, host: 'other' })).echo.protocol, '1.1');
    },
  },
  {
    name: 'detection: HTTP/1.1, HTTP/2 and bytes on one port',
    proves: [],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { port: mesh.ports.auto })).echo.protocol, '1.1');
      assert.equal((await sendHttp2('/', { port: mesh.ports.auto })).echo.protocol, '2.0');
      assert.match(await exchange('\0\x01 bytes', { port: mesh.ports.auto }), /^e\d .* bytes$/s);
    },
  },
  {
    name: 'detection: what is found to be HTTP follows HTTP rules',
    proves: ['VirtualService.http'],
    resources: () => [virtualService('auto', { hosts: ['echo'], http: [{ directResponse: { status: 210 } }] })],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { port: mesh.ports.auto })).status, 210);
      assert.match(await exchange('\0\x01 bytes', { port: mesh.ports.auto }), /^e\d .* bytes$/s);
    },
  },
  {
    name: 'TLS port: bytes pass as they are',
    proves: [],
    run: async (mesh) => {
      const echo = await sni(mesh, 'echo.default.svc.cluster.local');
      assert.equal(echo.tls?.sni, 'echo.default.svc.cluster.local');
    },
  },
  {
    name: 'tcp: a subset by weight',
    proves: [`${tcp}.route.weight`, `${tcp}.route.destination.host`, `${tcp}.route.destination.subset`],
    resources: () => [
      versions(),
      virtualService('bytes', {
        hosts: ['echo'],
        tcp: [
          {
            route: [
              { destination: { host: 'echo', subset: 'v1' }, weight: 80 },
              { destination: { host: 'echo', subset: 'v2' }, weight: 20 },
            ],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const seen: Record<string, number> = {};
      for (let i = 0; i < 20; i++) {
        for (const name of await Promise.all(Array.from({ length: 20 }, () => bytes(mesh))))
          seen[name ?? ''] = (seen[name ?? ''] ?? 0) + 1;
      }
      assertShare(seen, 'e1', 0.8);
      assertShare(seen, 'e2', 0.2);
    },
  },
  {
    name: 'tcp: a destination’s port',
    proves: [`${tcp}.route.destination.port.number`],
    resources: ({ ports }) => [
      virtualService('bytes', {
        hosts: ['echo'],
        tcp: [
          { match: [{ port: ports.tcp }], route: [{ destination: { host: 'other', port: { number: ports.http } } }] },
        ],
      }),
    ],
    run: async (mesh) => assert.equal(await bytes(mesh), 'o1'),
  },
  isTcpMatched('tcp match.port', 'port', ({ ports }) => ({ port: ports.tcp }), 'e2'),
  isTcpMatched('tcp match.port of another port', 'port', ({ ports }) => ({ port: ports.tls }), 'e1'),
  isTcpMatched('tcp match.sourceLabels', 'sourceLabels', () => ({ sourceLabels: { version: 'v7' } }), 'e2'),
  isTcpMatched('tcp match.sourceLabels of others', 'sourceLabels', () => ({ sourceLabels: { version: 'v8' } }), 'e1'),
  isTcpMatched('tcp match.sourceNamespace', 'sourceNamespace', () => ({ sourceNamespace: 'default' }), 'e2'),
  isTcpMatched('tcp match.sourceNamespace of others', 'sourceNamespace', () => ({ sourceNamespace: 'shop' }), 'e1'),
  isTcpMatched('tcp match.gateways', 'gateways', () => ({ gateways: ['mesh'] }), 'e2'),
  isTcpMatched('tcp match.gateways of others', 'gateways', () => ({ gateways: ['default/base'] }), 'e1'),
  isTcpMatched(
    'tcp match.destinationSubnets',
    'destinationSubnets',
    () => ({ destinationSubnets: ['127.0.0.0/8'] }),
    'e2',
  ),
  isTcpMatched(
    'tcp match.destinationSubnets elsewhere',
    'destinationSubnets',
    () => ({ destinationSubnets: ['10.0.0.0/8'] }),
    'e1',
  ),
  {
    name: 'tls: SNI exact and wildcard',
    proves: [`${tls}.match.sniHosts`, `${tls}.route.destination.host`, `${tls}.route.destination.subset`],
    resources: tlsMatching(() => ({})),
    run: async (mesh) => {
      assert.equal((await sni(mesh, 'a.example.com')).instance, 'e2');
      assert.equal((await sni(mesh, 'b.example.com')).instance, 'e1');
    },
  },
  isTlsMatched('tls match.port', 'port', ({ ports }) => ({ port: ports.tls }), 'e2'),
  isTlsMatched('tls match.port of another port', 'port', ({ ports }) => ({ port: ports.tcp }), 'e1'),
  isTlsMatched('tls match.sourceLabels', 'sourceLabels', () => ({ sourceLabels: { app: 'client' } }), 'e2'),
  isTlsMatched('tls match.sourceLabels of others', 'sourceLabels', () => ({ sourceLabels: { app: 'other' } }), 'e1'),
  isTlsMatched('tls match.sourceNamespace', 'sourceNamespace', () => ({ sourceNamespace: 'default' }), 'e2'),
  isTlsMatched('tls match.sourceNamespace of others', 'sourceNamespace', () => ({ sourceNamespace: 'shop' }), 'e1'),
  isTlsMatched('tls match.gateways', 'gateways', () => ({ gateways: ['mesh'] }), 'e2'),
  isTlsMatched('tls match.gateways of others', 'gateways', () => ({ gateways: ['default/base'] }), 'e1'),
  isTlsMatched(
    'tls match.destinationSubnets',
    'destinationSubnets',
    () => ({ destinationSubnets: ['127.0.0.0/8'] }),
    'e2',
  ),
  isTlsMatched(
    'tls match.destinationSubnets elsewhere',
    'destinationSubnets',
    () => ({ destinationSubnets: ['10.0.0.0/8'] }),
    'e1',
  ),
  {
    name: 'tls: weights',
    proves: [`${tls}.route.weight`],
    resources: () => [
      versions(),
      virtualService('sni', {
        hosts: ['echo', '*.example.com'],
        tls: [
          {
            match: [{ sniHosts: ['a.example.com'] }],
            route: [
              { destination: { host: 'echo', subset: 'v1' }, weight: 50 },
              { destination: { host: 'echo', subset: 'v2' }, weight: 50 },
            ],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const seen: Record<string, number> = {};
      for (let i = 0; i < 8; i++) {
        for (const { instance } of await Promise.all(Array.from({ length: 15 }, () => sni(mesh, 'a.example.com')))) {
          seen[instance] = (seen[instance] ?? 0) + 1;
        }
      }
      assertShare(seen, 'e1', 0.5);
      assertShare(seen, 'e2', 0.5);
    },
  },
];
