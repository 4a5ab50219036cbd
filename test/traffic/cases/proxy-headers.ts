// MeshConfig's defaultConfig: what stands before gateways (gatewayTopology) and headers of all proxies (proxyHeaders).
import assert from 'node:assert/strict';
import type { MeshConfigSpec } from '../../../mesh/config/schemas/mesh-config.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send } from '../client.ts';
import { gateway, gatewaySelector, type Manifest, meshConfig, sidecar, virtualService } from '../resources.ts';

type DefaultConfig = NonNullable<MeshConfigSpec['defaultConfig']>;
const topology = 'MeshConfig.defaultConfig.gatewayTopology';
const proxyHeaders = 'MeshConfig.defaultConfig.proxyHeaders';
const bind = '127.77.0.9';

const web = virtualService('web', {
  hosts: ['web.example.com'],
  gateways: ['base', 'secure'],
  http: [{ route: [{ destination: { host: 'other' } }] }],
});
const mutual = ({ files }: Place) => ({
  mode: 'MUTUAL' as const,
  serverCertificate: files.server,
  privateKey: files.serverKey,
  caCertificates: files.ca,
});
/** A gateway and the sidecar's own listener, both of which ask for a client's certificate. */
const askingForCertificates = (place: Place): readonly Manifest[] => [
  web,
  gateway('secure', {
    selector: gatewaySelector,
    servers: [
      {
        port: { number: place.ports.spare[0], name: 'https', protocol: 'HTTPS' },
        hosts: ['web.example.com'],
        bind: '127.0.0.1',
        tls: mutual(place),
      },
    ],
  }),
  sidecar('client', {
    workloadSelector: { labels: { app: 'client' } },
    ingress: [
      {
        port: { number: place.ports.spare[1], name: 'https', protocol: 'HTTPS' },
        bind,
        captureMode: 'NONE',
        defaultEndpoint: `127.0.0.1:${place.instances.app.port}`,
        tls: mutual(place),
      },
    ],
    egress: [{ hosts: ['*/*'] }],
  }),
];
const sent = 'By=spiffe://cluster.local/ns/a/sa/b;Hash=00';
/** The header about clients' certificates that the application gets, of a client with one. */
async function seenAt(mesh: CaseMesh, end: 'gateway' | 'sidecar'): Promise<string | undefined> {
  const { ca, client } = mesh.certificates;
  const tls = { ca, servername: 'web.example.com', cert: client.certificate, key: client.key };
  const [first, second] = mesh.ports.spare;
  const at = end === 'gateway' ? { port: first } : { port: second, address: bind };
  const headers = { 'x-forwarded-client-cert': sent };
  return (await send('/', { ...at, host: 'web.example.com', tls, headers })).echo.headers['x-forwarded-client-cert'];
}
const withConfig = (defaultConfig: DefaultConfig) => meshConfig({ defaultConfig });

/** What the application gets of a header that was sent, by mode. */
const forwarded = {
  SANITIZE: undefined,
  FORWARD_ONLY: sent,
  APPEND_FORWARD: /^By=spiffe:\/\/cluster\.local\/ns\/a\/sa\/b;Hash=00,By=[^;]*;Hash=[0-9a-f]{64};Cert=/,
  ALWAYS_FORWARD_ONLY: sent,
} as const;

const topologyCases: readonly TrafficCase[] = [
  {
    name: 'gatewayTopology.numTrustedProxies: whose address is the client’s',
    proves: [`${topology}.numTrustedProxies`],
    resources: () => [web, withConfig({ gatewayTopology: { numTrustedProxies: 2 } })],
    run: async (mesh) => {
      const headers = { 'x-forwarded-for': '192.0.2.1, 192.0.2.2, 192.0.2.3' };
      const seen = async () => (await mesh.ingress('/', { headers })).echo.headers;
      assert.equal((await seen())['x-envoy-external-address'], '192.0.2.2');
      await mesh.apply(withConfig({ gatewayTopology: {} }));
      assert.notEqual((await seen())['x-envoy-external-address'], '192.0.2.2');
    },
  },
  {
    name: 'gatewayTopology.proxyProtocol: the client’s address comes before the bytes',
    proves: [`${topology}.proxyProtocol`],
    resources: () => [web, withConfig({ gatewayTopology: { proxyProtocol: {} } })],
    run: async (mesh) => {
      const request = 'GET / HTTP/1.1\r\nhost: web.example.com\r\nconnection: close\r\n\r\n';
      const text = await exchange(`PROXY TCP4 192.0.2.9 127.0.0.1 1234 80\r\n${request}`, { port: mesh.ports.gateway });
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.match(text, /"x-forwarded-for":"192\.0\.2\.9"/);
      await assert.rejects(exchange(request, { port: mesh.ports.gateway }), 'not without the header');
    },
  },
  {
    name: 'gatewayTopology.forwardClientCertDetails: what a gateway says of clients’ certificates',
    proves: [`${topology}.forwardClientCertDetails`],
    resources: (place) => askingForCertificates(place),
    later: () =>
      Object.keys(forwarded).map((mode) =>
        withConfig({ gatewayTopology: { forwardClientCertDetails: mode as keyof typeof forwarded } }),
      ),
    run: async (mesh, later) => {
      const own = /^By=[^;]*;Hash=[0-9a-f]{64};Cert="-----BEGIN.*";Subject=".*";/;
      assert.match((await seenAt(mesh, 'gateway')) ?? '', own, 'SANITIZE_SET is the default');
      for (const [index, header] of Object.values(forwarded).entries()) {
        const config = later[index];
        if (config) await mesh.apply(config);
        const seen = await seenAt(mesh, 'gateway');
        if (header instanceof RegExp) assert.match(seen ?? '', header);
        else assert.equal(seen, header);
      }
    },
  },
];

const headerCases: readonly TrafficCase[] = [
  {
    name: 'proxyHeaders.forwardedClientCert and setCurrentClientCertDetails: what a sidecar says of clients’ certificates',
    proves: [
      `${proxyHeaders}.forwardedClientCert`,
      ...['subject', 'cert', 'chain', 'dns', 'uri'].map((one) => `${proxyHeaders}.setCurrentClientCertDetails.${one}`),
    ],
    resources: (place) => askingForCertificates(place),
    later: () => [
      withConfig({
        proxyHeaders: {
          forwardedClientCert: 'SANITIZE_SET',
          setCurrentClientCertDetails: { subject: false, cert: true, chain: true, dns: false, uri: false },
        },
      }),
    ],
    run: async (mesh, later) => {
      const first = (await seenAt(mesh, 'sidecar')) ?? '';
      assert.ok(first.startsWith(`${sent},`) && first.includes('Subject=') && !first.includes('Cert='), first);
      await mesh.apply(...later);
      const next = (await seenAt(mesh, 'sidecar')) ?? '';
      assert.match(next, /^By=[^;]*;Hash=[0-9a-f]{64};Cert=".*";Chain="/);
      assert.equal(/Subject=|URI=|DNS=/.test(next), false, next);
    },
  },
  {
    name: 'proxyHeaders: the server’s name, request ids, debug headers, the port',
    proves: ['server.value', 'requestId.disabled', 'envoyDebugHeaders.disabled', 'xForwardedPort.enabled'].map(
      (field) => `${proxyHeaders}.${field}`,
    ),
    resources: () => [
      web,
      withConfig({
        proxyHeaders: {
          server: { value: 'somebody' },
          requestId: { disabled: true },
          envoyDebugHeaders: { disabled: true },
          xForwardedPort: { enabled: true },
        },
      }),
    ],
    run: async (mesh) => {
      const [outbound, ingress] = await Promise.all([mesh.get('/'), mesh.ingress('/')]);
      for (const { headers, echo } of [outbound, ingress]) {
        assert.equal(headers.server, 'somebody');
        assert.equal(headers['x-envoy-upstream-service-time'], undefined);
        assert.equal(echo.headers['x-request-id'], undefined);
      }
      assert.equal(ingress.echo.headers['x-forwarded-port'], `${mesh.ports.gateway}`);
    },
  },
  {
    name: 'proxyHeaders.server disabled: the application’s own; without proxyHeaders, Istio’s names and headers',
    proves: [`${proxyHeaders}.server.disabled`],
    resources: () => [web, withConfig({ proxyHeaders: { server: { disabled: true } } })],
    run: async (mesh) => {
      const headers = { 'x-answer': JSON.stringify({ server: 'apache' }) };
      const names = async () => [
        (await mesh.get('/', { headers })).headers.server,
        (await mesh.ingress('/', { headers })).headers.server,
      ];
      assert.deepEqual(await names(), ['apache', 'apache']);
      await mesh.remove(withConfig({}));
      assert.deepEqual(await names(), ['envoy', 'istio-envoy']);
      const { headers: answered, echo } = await mesh.ingress('/');
      assert.match(answered['x-envoy-upstream-service-time'] as string, /^\d+$/);
      assert.match(echo.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(echo.headers['x-envoy-attempt-count'], '1');
      assert.equal(answered['x-envoy-decorator-operation'], undefined);
    },
  },
];

/** See the file's first line. */
export const proxyHeaderCases: readonly TrafficCase[] = [...topologyCases, ...headerCases];
