// Gateway: hosts, ports, TLS that ends here or passes through.
import assert from 'node:assert/strict';
import type { Server } from '../../../mesh/config/schemas/gateway.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { type Answer, type Call, exchange, isRefused, send } from '../client.ts';
import { gateway, gatewaySelector, type Manifest, virtualService } from '../resources.ts';

const servers = 'Gateway.servers';
const tls = `${servers}.tls`;
const bind = '127.0.0.1';

function server(place: Place, index: number, over: Partial<Server> & { readonly protocol?: string }): Server {
  const { protocol = 'HTTP', ...rest } = over;
  return {
    port: { number: place.ports.spare[index] ?? 0, name: `port-${index}`, protocol },
    bind,
    hosts: ['web.example.com'],
    ...rest,
  };
}
function gatewayOf(name: string, ...list: readonly Server[]): Manifest {
  return gateway(name, { selector: gatewaySelector, servers: [...list] });
}
const to = (name: string, status: number, hosts: readonly string[], gateways: readonly string[]): Manifest =>
  virtualService(name, { hosts: [...hosts], gateways: [...gateways], http: [{ directResponse: { status } }] });
const ownCertificate = ({ files }: Place) => ({ serverCertificate: files.server, privateKey: files.serverKey });

function https(mesh: CaseMesh, path = '/', options: Call['tls'] = {}, call: Partial<Call> = {}): Promise<Answer> {
  const trust = { ca: mesh.certificates.ca, servername: 'web.example.com' };
  return send(path, {
    port: mesh.ports.spare[0],
    host: 'web.example.com',
    tls: { ...trust, ...options },
    timeoutMs: 3_000,
    ...call,
  });
}
const clientOf = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
  cert: certificate,
  key,
});

/** See the file's first line. */
export const gatewayCases: readonly TrafficCase[] = [
  {
    name: 'servers: port, bind and hosts; other hosts are not found',
    proves: ['port.number', 'port.protocol', 'bind', 'hosts'].map((field) => `${servers}.${field}`),
    resources: (place) => [
      gatewayOf('own', server(place, 0, { bind: '127.77.9.9', hosts: ['web.example.com'] })),
      to('web', 210, ['*.example.com'], ['own']),
    ],
    run: async (mesh) => {
      const call = { port: mesh.ports.spare[0], address: '127.77.9.9' };
      assert.equal((await mesh.ingress('/', call)).status, 210);
      assert.equal((await mesh.ingress('/', { ...call, host: 'api.example.com' })).status, 404);
      assert.equal(await isRefused({ port: mesh.ports.spare[0], address: '127.77.9.8' }), true);
    },
  },
  {
    name: 'hosts with a wildcard',
    proves: [`${servers}.hosts`],
    resources: (place) => [
      gatewayOf('own', server(place, 0, { hosts: ['*.example.com'] })),
      to('web', 210, ['web.example.com', 'example.org'], ['own']),
    ],
    run: async (mesh) => {
      const call = { port: mesh.ports.spare[0] };
      assert.equal((await mesh.ingress('/', call)).status, 210);
      assert.equal((await mesh.ingress('/', { ...call, host: 'example.org' })).status, 404);
    },
  },
  {
    name: 'hosts with a namespace: VirtualServices of others are not bound',
    proves: [`${servers}.hosts`],
    resources: (place) => [
      gatewayOf('own', server(place, 0, { hosts: ['shop/*.example.com'] })),
      virtualService(
        'theirs',
        { hosts: ['web.example.com'], gateways: ['default/own'], http: [{ directResponse: { status: 210 } }] },
        { namespace: 'shop' },
      ),
      to('ours', 211, ['api.example.com'], ['own']),
    ],
    run: async (mesh) => {
      const call = { port: mesh.ports.spare[0] };
      assert.equal((await mesh.ingress('/', call)).status, 210);
      assert.equal((await mesh.ingress('/', { ...call, host: 'api.example.com' })).status, 404);
    },
  },
  {
    name: 'several servers on several ports, and two Gateways on one port',
    proves: [servers],
    resources: (place) => [
      gatewayOf(
        'one',
        server(place, 0, { name: 'first', hosts: ['a.example.com'] }),
        server(place, 1, { name: 'second', hosts: ['b.example.com'] }),
      ),
      gatewayOf('two', server(place, 0, { hosts: ['c.example.com'] })),
      to('a', 210, ['a.example.com'], ['one']),
      to('b', 211, ['b.example.com'], ['one']),
      to('c', 212, ['c.example.com'], ['two']),
    ],
    run: async (mesh) => {
      const [first, second] = mesh.ports.spare;
      const status = async (port: number, host: string) => (await mesh.ingress('/', { port, host })).status;
      assert.equal(await status(first, 'a.example.com'), 210);
      assert.equal(await status(first, 'b.example.com'), 404);
      assert.equal(await status(first, 'c.example.com'), 212);
      assert.equal(await status(second, 'b.example.com'), 211);
    },
  },
  {
    name: 'selector: other gateways are left alone',
    proves: ['Gateway.selector'],
    resources: (place) => [
      gatewayOf('ours', server(place, 0, {})),
      gateway('theirs', { selector: { istio: 'egressgateway' }, servers: [server(place, 1, {})] }),
      to('web', 210, ['web.example.com'], ['ours', 'theirs']),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.ingress('/', { port: mesh.ports.spare[0] })).status, 210);
      assert.equal(await isRefused({ port: mesh.ports.spare[1] }), true);
    },
  },
  {
    name: 'tls.httpsRedirect',
    proves: [`${tls}.httpsRedirect`],
    resources: (place) => [
      gatewayOf('own', server(place, 0, { tls: { httpsRedirect: true } })),
      to('web', 210, ['web.example.com'], ['own']),
    ],
    run: async (mesh) => {
      const { status, headers } = await mesh.ingress('/a?b', { port: mesh.ports.spare[0] });
      assert.deepEqual([status, headers.location], [301, 'https://web.example.com/a?b']);
    },
  },
  {
    name: 'tls.mode PASSTHROUGH: the SNI chooses, the server’s own certificate is seen',
    proves: [
      `${tls}.mode`,
      'VirtualService.tls.match.sniHosts',
      'VirtualService.tls.route.destination.host',
      'VirtualService.tls.route.destination.port.number',
    ],
    resources: (place) => [
      gatewayOf('pass', server(place, 0, { protocol: 'TLS', hosts: ['*.example.com'], tls: { mode: 'PASSTHROUGH' } })),
      virtualService('pass', {
        hosts: ['web.example.com'],
        gateways: ['pass'],
        tls: [
          {
            match: [{ sniHosts: ['web.example.com'] }],
            route: [{ destination: { host: 'echo', port: { number: place.ports.tls } } }],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const { echo } = await https(mesh);
      assert.match(echo.instance, /^e/);
      assert.equal(echo.tls?.sni, 'web.example.com');
      await assert.rejects(https(mesh, '/', { servername: 'api.example.com' }));
    },
  },
  {
    name: 'TCP server: bytes to a service',
    proves: [
      `${servers}.port.protocol`,
      'VirtualService.tcp.match.port',
      'VirtualService.tcp.route.destination.host',
      'VirtualService.tcp.route.destination.port.number',
      'VirtualService.tcp.match.gateways',
    ],
    resources: (place) => [
      gatewayOf('bytes', server(place, 0, { protocol: 'TCP', hosts: ['*'] })),
      virtualService('bytes', {
        hosts: ['*'],
        gateways: ['bytes'],
        tcp: [
          {
            match: [{ port: place.ports.spare[0], gateways: ['default/bytes'] }],
            route: [{ destination: { host: 'echo', port: { number: place.ports.tcp } } }],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      assert.match(await exchange('hello', { port: mesh.ports.spare[0] }), /^e\d hello$/);
    },
  },
  {
    name: 'TLS that ends at the gateway in front of a TCP service',
    proves: [`${tls}.mode`],
    resources: (place) => [
      gatewayOf('bytes', server(place, 0, { protocol: 'TLS', tls: { mode: 'SIMPLE', ...ownCertificate(place) } })),
      virtualService('bytes', {
        hosts: ['web.example.com'],
        gateways: ['bytes'],
        tcp: [{ route: [{ destination: { host: 'echo', port: { number: place.ports.tcp } } }] }],
      }),
    ],
    run: async (mesh) => {
      const options = { servername: 'web.example.com', ca: mesh.certificates.ca, rejectUnauthorized: true };
      assert.match(await exchange('hello', { port: mesh.ports.spare[0], tls: options }), /^e\d hello$/);
    },
  },
  {
    name: 'two TLS servers on one port, told apart by SNI',
    proves: [`${servers}.hosts`],
    resources: (place) => [
      gatewayOf(
        'two',
        server(place, 0, {
          protocol: 'HTTPS',
          hosts: ['a.example.com'],
          tls: { mode: 'SIMPLE', ...ownCertificate(place) },
        }),
        {
          ...server(place, 0, {
            protocol: 'HTTPS',
            hosts: ['b.example.com'],
            tls: { mode: 'MUTUAL', ...ownCertificate(place), caCertificates: place.files.ca },
          }),
          port: { number: place.ports.spare[0], name: 'other', protocol: 'HTTPS' },
        },
      ),
      to('a', 210, ['a.example.com'], ['two']),
      to('b', 211, ['b.example.com'], ['two']),
    ],
    run: async (mesh) => {
      const at = (host: string, options = {}) => https(mesh, '/', { servername: host, ...options }, { host });
      assert.equal((await at('a.example.com')).status, 210);
      assert.equal((await at('b.example.com', clientOf(mesh.certificates.client))).status, 211);
      await assert.rejects(at('b.example.com'));
    },
  },
];
