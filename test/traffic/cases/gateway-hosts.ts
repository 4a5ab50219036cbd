// Gateway: which host of a request finds which server and VirtualService, and what is answered where none does.
import assert from 'node:assert/strict';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send, sendHttp2, webSocket } from '../client.ts';
import { gateway, gatewaySelector, type Manifest, meshConfig, virtualService } from '../resources.ts';

const servers = 'Gateway.servers';
const http = (name: string, number: number, ...hosts: readonly string[]): Manifest =>
  gateway(name, {
    selector: gatewaySelector,
    servers: [{ port: { number, name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1', hosts: [...hosts] }],
  });
const answers = (name: string, status: number, hosts: readonly string[], gateways: readonly string[]): Manifest =>
  virtualService(name, { hosts: [...hosts], gateways: [...gateways], http: [{ directResponse: { status } }] });
const ownCertificate = ({ files }: Place) => ({ serverCertificate: files.server, privateKey: files.serverKey });

/** The statuses of requests for several hosts on one port. */
async function statuses(mesh: CaseMesh, port: number, ...hosts: readonly string[]): Promise<readonly number[]> {
  return Promise.all(hosts.map(async (host) => (await mesh.ingress('/', { port, host })).status));
}

/** See the file's first line. */
export const gatewayHostCases: readonly TrafficCase[] = [
  {
    name: 'hosts in any case, with any port',
    proves: [`${servers}.hosts`],
    resources: ({ ports }) => [
      http('own', ports.spare[0], '*.Example.com'),
      answers('web', 210, ['Web.Example.com'], ['own']),
    ],
    run: async (mesh) => {
      const [port] = mesh.ports.spare;
      const hosts = ['web.example.com', 'WEB.Example.Com', 'web.example.com:8080', `web.example.com:${port}`];
      assert.deepEqual(await statuses(mesh, port, ...hosts), [210, 210, 210, 210]);
      assert.deepEqual(await statuses(mesh, port, 'api.example.com', 'example.com'), [404, 404]);
    },
  },
  {
    name: '`*` of several Gateways on a port: each VirtualService’s own hosts, the most exact first',
    proves: [`${servers}.hosts`],
    resources: ({ ports }) => [
      http('one', ports.spare[0], '*'),
      http('two', ports.spare[0], '*'),
      answers('exact', 210, ['web.example.com'], ['one']),
      answers('suffix', 211, ['*.example.com'], ['two']),
      answers('all', 212, ['*'], ['one']),
    ],
    run: async (mesh) => {
      const hosts = ['web.example.com', 'api.example.com', 'example.org'];
      assert.deepEqual(await statuses(mesh, mesh.ports.spare[0], ...hosts), [210, 211, 212]);
    },
  },
  {
    name: 'a host that two VirtualServices have: rules of both, those that take all last',
    proves: ['VirtualService.gateways', 'VirtualService.hosts'],
    resources: ({ ports }) => [
      http('own', ports.spare[0], '*'),
      answers('all', 210, ['web.example.com'], ['own']),
      virtualService('some', {
        hosts: ['web.example.com'],
        gateways: ['own'],
        http: [{ match: [{ uri: { prefix: '/some' } }], directResponse: { status: 211 } }],
      }),
    ],
    run: async (mesh) => {
      const status = async (path: string) => (await mesh.ingress(path, { port: mesh.ports.spare[0] })).status;
      assert.deepEqual([await status('/'), await status('/some')], [210, 211]);
    },
  },
  {
    name: 'namespace/host forms: `./`, `*/` and a namespace by name',
    proves: [`${servers}.hosts`],
    resources: ({ ports }) => [
      http('own', ports.spare[0], './a.example.com', '*/b.example.com', 'shop/c.example.com'),
      answers('ours', 210, ['*.example.com'], ['own']),
      virtualService(
        'theirs',
        { hosts: ['*.example.com'], gateways: ['default/own'], http: [{ directResponse: { status: 211 } }] },
        { namespace: 'shop' },
      ),
    ],
    run: async (mesh) => {
      const hosts = ['a.example.com', 'b.example.com', 'c.example.com'];
      assert.deepEqual(await statuses(mesh, mesh.ports.spare[0], ...hosts), [210, 210, 211]);
    },
  },
  {
    name: 'nothing found: 404 without a VirtualService, 503 without instances, no such port not at all',
    proves: [`${servers}.port.number`],
    resources: ({ ports }) => [
      http('bare', ports.spare[0], '*'),
      http('own', ports.spare[1], '*'),
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['own'],
        http: [
          { match: [{ uri: { prefix: '/subset' } }], route: [{ destination: { host: 'other', subset: 'none' } }] },
          { match: [{ uri: { prefix: '/unknown' } }], route: [{ destination: { host: 'unknown.example.org' } }] },
          { match: [{ uri: { prefix: '/only' } }], route: [{ destination: { host: 'other' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const [bare, own] = mesh.ports.spare;
      assert.deepEqual(await statuses(mesh, bare, 'web.example.com'), [404]);
      const status = async (path: string) => (await mesh.ingress(path, { port: own })).status;
      const paths = ['/subset', '/unknown', '/only', '/nothing'];
      assert.deepEqual(await Promise.all(paths.map(status)), [503, 503, 200, 404]);
    },
  },
  {
    name: 'servers of one TLS port: HTTP, TCP behind TLS and passthrough, by SNI',
    proves: [`${servers}.tls.mode`, `${servers}.port.protocol`],
    resources: (place) => {
      const [number] = place.ports.spare;
      const server = (name: string, protocol: string, host: string, tls: object) => ({
        port: { number, name, protocol },
        bind: '127.0.0.1',
        hosts: [host],
        tls,
      });
      return [
        gateway('mixed', {
          selector: gatewaySelector,
          servers: [
            server('https', 'HTTPS', 'a.example.com', { mode: 'SIMPLE', ...ownCertificate(place) }),
            server('tls', 'TLS', 'b.example.com', { mode: 'SIMPLE', ...ownCertificate(place) }),
            server('pass', 'TLS', '*.example.com', { mode: 'PASSTHROUGH' }),
          ],
        }),
        answers('a', 210, ['a.example.com'], ['mixed']),
        virtualService('b', {
          hosts: ['b.example.com'],
          gateways: ['mixed'],
          tcp: [{ route: [{ destination: { host: 'echo', port: { number: place.ports.tcp } } }] }],
        }),
        virtualService('c', {
          hosts: ['web.example.com'],
          gateways: ['mixed'],
          tls: [
            {
              match: [{ sniHosts: ['web.example.com'], port: number }],
              route: [{ destination: { host: 'echo', port: { number: place.ports.tls } } }],
            },
          ],
        }),
      ];
    },
    run: async (mesh) => {
      const port = mesh.ports.spare[0];
      const tls = (servername: string) => ({ ca: mesh.certificates.ca, servername });
      const at = (host: string) => send('/', { port, host, tls: tls(host), timeoutMs: 3_000 });
      assert.equal((await at('a.example.com')).status, 210);
      assert.match(await exchange('hello', { port, tls: tls('b.example.com') }), /^e\d hello$/);
      assert.equal((await at('web.example.com')).echo.tls?.sni, 'web.example.com');
      await assert.rejects(at('d.example.com'));
    },
  },
  {
    name: 'httpsRedirect beside the HTTPS server of the same host, whose VirtualService has both',
    proves: [`${servers}.tls.httpsRedirect`],
    resources: (place) => {
      const [plain, secure] = place.ports.spare;
      return [
        gateway('both', {
          selector: gatewaySelector,
          servers: [
            {
              port: { number: plain, name: 'http', protocol: 'HTTP' },
              bind: '127.0.0.1',
              hosts: ['web.example.com'],
              tls: { httpsRedirect: true },
            },
            {
              port: { number: secure, name: 'https', protocol: 'HTTPS' },
              bind: '127.0.0.1',
              hosts: ['web.example.com'],
              tls: { mode: 'SIMPLE', ...ownCertificate(place) },
            },
          ],
        }),
        virtualService('web', {
          hosts: ['web.example.com'],
          gateways: ['both'],
          http: [
            { match: [{ uri: { prefix: '/here' }, port: secure }], directResponse: { status: 210 } },
            { directResponse: { status: 211 } },
          ],
        }),
      ];
    },
    run: async (mesh) => {
      const [plain, secure] = mesh.ports.spare;
      const { status, headers } = await mesh.ingress('/here?a=b', { port: plain });
      assert.deepEqual([status, headers.location], [301, 'https://web.example.com/here?a=b']);
      const tls = { ca: mesh.certificates.ca, servername: 'web.example.com' };
      const over = async (path: string) => (await mesh.ingress(path, { port: secure, tls })).status;
      assert.deepEqual([await over('/here'), await over('/')], [210, 211]);
    },
  },
  {
    name: 'name: the prefix of an HTTPS server’s statistics',
    proves: [`${servers}.name`],
    resources: (place) => [
      gateway('named', {
        selector: gatewaySelector,
        servers: [
          {
            name: 'shop-front',
            port: { number: place.ports.spare[0], name: 'https', protocol: 'HTTPS' },
            bind: '127.0.0.1',
            hosts: ['web.example.com'],
            tls: { mode: 'SIMPLE', ...ownCertificate(place) },
          },
        ],
      }),
      answers('web', 210, ['web.example.com'], ['named']),
    ],
    run: async (mesh) => {
      const tls = { ca: mesh.certificates.ca, servername: 'web.example.com' };
      assert.equal((await mesh.ingress('/', { port: mesh.ports.spare[0], tls })).status, 210);
      const stats = await fetch(
        `http://127.0.0.1:${mesh.admin.gateway}/stats?filter=^http.shop-front.downstream_rq_2xx$`,
      );
      assert.equal((await stats.text()).trim(), 'http.shop-front.downstream_rq_2xx: 1');
    },
  },
  {
    name: 'HTTP/2 with prior knowledge, gRPC and WebSocket over TLS at a gateway',
    proves: [`${servers}.port.protocol`],
    resources: (place) => [
      gateway('own', {
        selector: gatewaySelector,
        servers: [
          {
            port: { number: place.ports.spare[0], name: 'https', protocol: 'HTTPS' },
            bind: '127.0.0.1',
            hosts: ['web.example.com'],
            tls: { mode: 'SIMPLE', ...ownCertificate(place) },
          },
        ],
      }),
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['own', 'base'],
        http: [
          {
            match: [{ uri: { prefix: '/pkg.Service/' } }],
            route: [{ destination: { host: 'echo', port: { number: place.ports.grpc } } }],
          },
          { route: [{ destination: { host: 'other' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const host = 'web.example.com';
      const tls = { ca: mesh.certificates.ca, servername: host };
      assert.equal((await sendHttp2('/', { port: mesh.ports.gateway, host })).status, 200);
      const call = { port: mesh.ports.spare[0], host, tls, grpc: true };
      assert.equal((await sendHttp2('/pkg.Service/Method', call)).grpcStatus, '0');
      assert.deepEqual(await webSocket('/', { port: mesh.ports.gateway, host }, 'hi'), {
        status: 101,
        answer: 'o1 hi',
      });
    },
  },
  {
    name: 'tlsDefaults of the mesh, where a server sets nothing of its own',
    proves: ['minProtocolVersion', 'cipherSuites', 'ecdhCurves'].map((field) => `MeshConfig.tlsDefaults.${field}`),
    resources: (place) => {
      const server = (name: string, host: string, more: object) => ({
        port: { number: place.ports.spare[0], name, protocol: 'HTTPS' },
        bind: '127.0.0.1',
        hosts: [host],
        tls: { mode: 'SIMPLE' as const, ...ownCertificate(place), ...more },
      });
      return [
        gateway('two', {
          selector: gatewaySelector,
          servers: [
            server('plain', 'a.example.com', {}),
            server('own', 'b.example.com', { minProtocolVersion: 'TLSV1_2', ecdhCurves: ['P-256'] }),
          ],
        }),
        answers('all', 210, ['*.example.com'], ['two']),
      ];
    },
    later: () => [
      meshConfig({ tlsDefaults: { minProtocolVersion: 'TLSV1_3', ecdhCurves: ['P-384'] } }),
      meshConfig({ tlsDefaults: { cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] } }),
    ],
    run: async (mesh, [strict, ciphers]) => {
      const at = (servername: string, more: object) =>
        send('/', {
          port: mesh.ports.spare[0],
          host: servername,
          tls: { ca: mesh.certificates.ca, servername, ...more },
        });
      if (strict) await mesh.apply(strict);
      assert.equal((await at('a.example.com', { ecdhCurve: 'P-384' })).status, 210);
      await assert.rejects(at('a.example.com', { ecdhCurve: 'P-256' }));
      await assert.rejects(at('a.example.com', { ecdhCurve: 'P-384', maxVersion: 'TLSv1.2' }));
      assert.equal((await at('b.example.com', { ecdhCurve: 'P-256', maxVersion: 'TLSv1.2' })).status, 210);
      if (ciphers) await mesh.apply(ciphers);
      const old = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
      await assert.rejects(at('a.example.com', old));
      assert.equal((await at('a.example.com', { ...old, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })).status, 210);
    },
  },
  {
    name: 'a GRPC-Web server: browsers’ calls become gRPC, its status comes in the body',
    proves: [`${servers}.port.protocol`],
    resources: ({ ports }) => [
      gateway('browsers', {
        selector: gatewaySelector,
        servers: [
          {
            port: { number: ports.spare[0], name: 'grpc-web', protocol: 'GRPC-Web' },
            bind: '127.0.0.1',
            hosts: ['web.example.com'],
          },
        ],
      }),
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['browsers', 'base'],
        http: [{ route: [{ destination: { host: 'echo', port: { number: ports.grpc } } }] }],
      }),
    ],
    run: async (mesh) => {
      const call = {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', 'x-grpc-status': '5' },
        body: '\0\0\0\0\0',
      };
      const answer = await mesh.ingress('/pkg.Service/Method', { ...call, port: mesh.ports.spare[0] });
      assert.match(String(answer.headers['content-type']), /^application\/grpc-web\+proto/);
      assert.match(answer.body, /"content-type":"application\/grpc"[\s\S]*grpc-status:5/);
      const plain = await mesh.ingress('/pkg.Service/Method', call);
      assert.equal(String(plain.headers['content-type']).startsWith('application/grpc-web'), false, 'another server');
    },
  },
];
