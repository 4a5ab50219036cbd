// Random valid VirtualServices, Gateways and Sidecars over a few services, for property tests.
import fc from 'fast-check';
import type { ConfigResource, Service } from '../../../../events/model.ts';
import type { GatewaySpec, Server } from '../../../../mesh/config/schemas/gateway.ts';
import type {
  HTTPMatchRequest,
  HTTPRoute,
  StringMatch,
  VirtualServiceSpec,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import { httpService, resourceOf } from '../../../../mesh/snapshot-fixture.ts';

const names = ['a', 'b', 'c'] as const;
const hosts = [...names, 'nowhere.test', '*.example.com', 'shop.example.com', '*'];

/** Services with ports of every kind, some with addresses. */
export const services: fc.Arbitrary<Service[]> = fc.tuple(
  ...names.map((name, index) =>
    fc
      .record({
        ports: fc.uniqueArray(
          fc.record({
            port: fc.constantFrom(80, 443, 8080, 9000),
            protocol: fc.constantFrom('HTTP', 'GRPC', 'TCP', 'TLS', 'HTTPS', 'Unsupported', 'MySQL'),
          } as const),
          { selector: ({ port }) => port, minLength: 1, maxLength: 3 },
        ),
        addresses: fc.constantFrom([], [`10.96.0.${index}`], ['10.96.0.99'], ['10.97.0.0/16']),
        headless: fc.boolean(),
      })
      .map(({ ports, ...over }) =>
        httpService(name, { ...over, ports: ports.map((port) => ({ ...port, name: `p${port.port}` })) }),
      ),
  ),
);

const stringMatch: fc.Arbitrary<StringMatch> = fc.constantFrom(
  { exact: '/x' },
  { prefix: '/' },
  { prefix: '/y' },
  { regex: '/z.*' },
  {},
);
const match: fc.Arbitrary<HTTPMatchRequest> = fc.record(
  {
    uri: stringMatch,
    method: stringMatch,
    authority: stringMatch,
    headers: fc.dictionary(fc.constantFrom('x-a', 'x-b', '@request.auth.claims.sub'), stringMatch),
    withoutHeaders: fc.dictionary(fc.constantFrom('x-c', 'x-d'), stringMatch),
    queryParams: fc.dictionary(fc.constantFrom('q', 'r'), stringMatch),
    port: fc.constantFrom(80, 8080),
    sourceLabels: fc.constantFrom({ app: 'client' }, { app: 'other' }),
    gateways: fc.constantFrom(['mesh'], ['gw']),
  },
  { requiredKeys: [] },
);
const destination = fc.record(
  {
    host: fc.constantFrom<string>(...names),
    subset: fc.constantFrom('v1', 'v2'),
    port: fc.constantFrom({ number: 80 }, { number: 9000 }),
  },
  { requiredKeys: ['host'] },
);
const headers = fc.constantFrom(
  { request: { set: { Host: 'h.test', 'x-1': '%REQ(:path)%' }, remove: ['x-2'] } },
  { response: { add: { 'x-3': '3' } } },
);
const forward: fc.Arbitrary<HTTPRoute> = fc.record(
  {
    route: fc.array(
      fc.record(
        { destination, weight: fc.integer({ min: 1, max: 100 }), headers },
        { requiredKeys: ['destination', 'weight'] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    timeout: fc.constantFrom('0s', '1.5s'),
    retries: fc.constantFrom(
      { attempts: 0 },
      { attempts: 3, retryOn: '5xx,429', perTryTimeout: '1s', backoff: '25ms' },
    ),
    fault: fc.constantFrom({ abort: { httpStatus: 503, percentage: { value: 1 } } }, { delay: { fixedDelay: '1s' } }),
    rewrite: fc.constantFrom(
      { uri: '/new', authority: 'n.test' },
      { uriRegexRewrite: { match: '^/(.*)$', rewrite: '/\\1' } },
    ),
    mirrors: fc.array(fc.record({ destination }), { maxLength: 1 }),
    corsPolicy: fc.constantFrom({ allowOrigins: [{ exact: 'https://a.test' }], maxAge: '1h' }),
    headers,
  },
  { requiredKeys: ['route'] },
);
const action: fc.Arbitrary<HTTPRoute> = fc.oneof(
  { arbitrary: forward, weight: 3 },
  fc.constantFrom<HTTPRoute>(
    { redirect: { uri: '/r', scheme: 'https', redirectCode: 308 } },
    { directResponse: { status: 204 } },
    { directResponse: { status: 200, body: { string: 'x' } } },
  ),
);
const http: fc.Arbitrary<HTTPRoute> = fc
  .tuple(action, fc.array(match, { maxLength: 2 }), fc.constantFrom('', 'named'))
  .map(([rule, matches, name]) => ({ ...rule, match: matches, ...(name ? { name } : {}) }));

const virtualService: fc.Arbitrary<VirtualServiceSpec> = fc.record(
  {
    hosts: fc.uniqueArray(fc.constantFrom(...hosts), { minLength: 1, maxLength: 3 }),
    gateways: fc.constantFrom(['mesh'], ['gw'], ['mesh', 'gw']),
    http: fc.array(http, { maxLength: 3 }),
    tcp: fc.array(
      fc.record(
        {
          route: fc.array(fc.record({ destination, weight: fc.constant(1) }), { minLength: 1, maxLength: 2 }),
          match: fc.array(
            fc.record(
              {
                port: fc.constantFrom(9000, 443),
                destinationSubnets: fc.constantFrom(['10.97.1.0/24'], ['10.97.0.0/16']),
              },
              { requiredKeys: [] },
            ),
            { maxLength: 2 },
          ),
        },
        { requiredKeys: ['route'] },
      ),
      { maxLength: 2 },
    ),
    tls: fc.array(
      fc.record({
        route: fc.array(fc.record({ destination, weight: fc.constant(1) }), { minLength: 1, maxLength: 2 }),
        match: fc.array(
          fc.record({
            sniHosts: fc.uniqueArray(fc.constantFrom('x.example.com', '*.example.com', 'y.test'), { minLength: 1 }),
          }),
          { minLength: 1, maxLength: 2 },
        ),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['hosts'] },
);

const server: fc.Arbitrary<Server> = fc
  .tuple(
    fc.constantFrom<Pick<Server, 'port' | 'tls'>>(
      { port: { number: 80, name: 'http', protocol: 'HTTP' } },
      { port: { number: 80, name: 'redirect', protocol: 'HTTP' }, tls: { httpsRedirect: true } },
      { port: { number: 443, name: 'https', protocol: 'HTTPS' }, tls: { mode: 'SIMPLE', credentialName: 'c' } },
      { port: { number: 443, name: 'mutual', protocol: 'HTTPS' }, tls: { mode: 'MUTUAL', credentialName: 'm' } },
      { port: { number: 443, name: 'pass', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' } },
      { port: { number: 9000, name: 'tcp', protocol: 'TCP' } },
      { port: { number: 15443, name: 'auto', protocol: 'TLS' }, tls: { mode: 'AUTO_PASSTHROUGH' } },
    ),
    fc.uniqueArray(
      fc.constantFrom('*', '*.example.com', 'shop.example.com', '*/y.test', './x.example.com', '*.local'),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([base, served]) => ({ ...base, hosts: served }));

const sidecar: fc.Arbitrary<ConfigResource[]> = fc.constantFrom<ConfigResource[]>(
  [],
  [resourceOf('Sidecar', 's', { egress: [{ hosts: ['./*'] }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } })],
  [
    resourceOf('Sidecar', 's', {
      egress: [
        {
          port: { number: 80, protocol: 'HTTP', name: 'http' },
          bind: '127.20.0.1',
          captureMode: 'NONE',
          hosts: ['./*'],
        },
        { port: { number: 3128, protocol: 'HTTP_PROXY', name: 'proxy' }, hosts: ['*/*'] },
        { hosts: ['*/*'] },
      ],
      ingress: [{ port: { number: 7777, protocol: 'HTTP', name: 'in' }, defaultEndpoint: '127.0.0.1:1' }],
    }),
  ],
);

/** Configuration of a random mesh: up to four VirtualServices, two Gateways and a Sidecar. */
export const trafficConfig: fc.Arbitrary<ConfigResource[]> = fc
  .tuple(
    fc.array(virtualService, { maxLength: 4 }),
    fc.array(fc.array(server, { minLength: 1, maxLength: 4 }), { maxLength: 2 }),
    sidecar,
  )
  .map(([virtualServices, gateways, sidecars]) => [
    ...virtualServices.map((spec, index) => resourceOf('VirtualService', `v${index}`, spec)),
    ...gateways.map((servers, index) =>
      resourceOf<GatewaySpec>('Gateway', index === 0 ? 'gw' : `gw${index}`, { selector: { istio: 'gw' }, servers }),
    ),
    ...sidecars,
  ]);
