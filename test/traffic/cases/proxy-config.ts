// MeshConfig.defaultConfig: headers of requests that are forwarded, the case of headers' names, and tracing where no Telemetry speaks of it.
import assert from 'node:assert/strict';
import type { MeshConfigSpec } from '../../../mesh/config/schemas/mesh-config.ts';
import { peerHeader } from '../../../mesh/telemetry/metric-tags.ts';
import { OtlpReceiver } from '../../support/otlp-receiver.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Place, TrafficCase } from '../case.ts';
import { exchange } from '../client.ts';
import { startZipkinReceiver } from '../collectors.ts';
import { meshConfig, serviceEntry, virtualService } from '../resources.ts';
import { limits, overHttp, reporting, sendSpansSoon } from './providers.ts';

const headerField = (...names: readonly string[]) =>
  names.map((name) => `MeshConfig.defaultConfig.proxyHeaders.${name}`);
const rewrite = { authority: 'inner.example.com' };
const outside = 'outside.example.com';

/** See the file's first line. */
export const proxyConfigCases: readonly TrafficCase[] = [
  {
    name: 'proxyHeaders: no attempt count, and the host that a rewrite takes away',
    proves: headerField('attemptCount.disabled', 'xForwardedHost.enabled'),
    resources: ({ ports: { http } }) => [
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['base'],
        http: [{ rewrite, route: [{ destination: { host: 'other' } }] }],
      }),
      virtualService('echo', {
        hosts: ['echo'],
        http: [{ rewrite, route: [{ destination: { host: 'echo', port: { number: http } } }] }],
      }),
      meshConfig({
        defaultConfig: { proxyHeaders: { attemptCount: { disabled: true }, xForwardedHost: { enabled: true } } },
      }),
    ],
    run: async (mesh) => {
      for (const [asked, { echo }] of [
        ['web.example.com', await mesh.ingress('/')],
        ['echo', await mesh.get('/', { host: 'echo' })],
      ] as const) {
        assert.equal(echo.host, 'inner.example.com');
        assert.equal(echo.headers['x-forwarded-host'], asked);
        assert.equal(echo.headers['x-envoy-attempt-count'], undefined);
      }
      await mesh.apply(meshConfig({}));
      const { headers } = (await mesh.ingress('/')).echo;
      assert.equal(headers['x-forwarded-host'], undefined);
      assert.equal(headers['x-envoy-attempt-count'], '1');
    },
  },
  {
    name: 'proxyHeaders.preserveHttp1HeaderCase: names of headers as the server wrote them',
    proves: headerField('preserveHttp1HeaderCase'),
    resources: () => [
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['base'],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      }),
      meshConfig({ defaultConfig: { proxyHeaders: { preserveHttp1HeaderCase: true } } }),
    ],
    run: async (mesh) => {
      const request =
        'GET / HTTP/1.1\r\nhost: web.example.com\r\nconnection: close\r\nx-answer: {"X-MiXed":"1"}\r\n\r\n';
      const answer = () => exchange(request, { port: mesh.ports.gateway });
      assert.match(await answer(), /^X-MiXed: 1\r$/m);
      await mesh.apply(meshConfig({}));
      assert.match(await answer(), /^x-mixed: 1\r$/m);
    },
  },
  {
    name: 'proxyHeaders.metadataExchangeHeaders IN_MESH: hosts outside the mesh are not told who calls',
    proves: headerField('metadataExchangeHeaders.mode'),
    resources: ({ ports, instances: { e1 } }) => [
      serviceEntry('outside', {
        hosts: [outside],
        location: 'MESH_EXTERNAL',
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [{ address: e1.address, ports: { http: e1.port } }],
      }),
      meshConfig({ defaultConfig: { proxyHeaders: { metadataExchangeHeaders: { mode: 'IN_MESH' } } } }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: outside })).echo.headers[peerHeader], undefined);
      assert.notEqual((await mesh.get('/')).echo.headers[peerHeader], undefined);
    },
  },
  {
    name: 'tracing: sampling, tags and the length of paths',
    proves: [
      'sampling',
      'maxPathTagLength',
      'customTags.*.literal.value',
      'customTags.*.environment.name',
      'customTags.*.environment.defaultValue',
      'customTags.*.header.name',
      'customTags.*.header.defaultValue',
    ].map((name) => `MeshConfig.defaultConfig.tracing.${name}`),
    resources: (place) => {
      const opentelemetry = { ...overHttp(place), http: { path: '/v1/traces', timeout: '5s' } };
      const extensionProviders = [{ name: 'spans', opentelemetry }];
      const customTags = {
        fixed: { literal: { value: 'yes' } },
        home: { environment: { name: 'NO_SUCH_VARIABLE', defaultValue: 'none' } },
        tenant: { header: { name: 'x-tenant', defaultValue: 'nobody' } },
      };
      return [
        ...reporting(place, 'tracing').filter(({ kind }) => kind !== 'ConfigMap'),
        meshConfig({
          extensionProviders,
          defaultProviders: { tracing: ['SPANS'] },
          defaultConfig: { tracing: { sampling: 100, maxPathTagLength: 8, customTags } },
        }),
      ];
    },
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startHttp(mesh.ports.spare[5]);
      try {
        await sendSpansSoon(mesh);
        // One request, which does not ask to be traced: by default it would be one in a hundred.
        await mesh.ingress('/a-traced-path', { headers: { 'x-tenant': 'acme' } });
        const spans = () => receiver.spans;
        await waitFor(() => spans().length === 2, { what: 'the gateway’s two spans', ...limits });
        assert.ok(spans().some(({ attributes }) => attributes['http.url'] === 'http://web.example.com/a-trace'));
        for (const { attributes } of spans())
          assert.deepEqual([attributes.fixed, attributes.home, attributes.tenant], ['yes', 'none', 'acme']);
      } finally {
        receiver.stop();
      }
    },
  },
  {
    name: 'tracing.zipkin: where neither a Telemetry nor a default provider speaks of tracing',
    proves: [
      'MeshConfig.enableTracing',
      ...['zipkin.address', 'enableIstioTags'].map((name) => `MeshConfig.defaultConfig.tracing.${name}`),
    ],
    resources: (place) => [
      ...reporting(place, 'tracing').filter(({ kind }) => kind !== 'ConfigMap'),
      meshConfig(zipkinAt(place, { enableIstioTags: false })),
    ],
    later: (place) => [meshConfig({ ...zipkinAt(place, {}), enableTracing: false })],
    run: async (mesh, later) => {
      const receiver = await startZipkinReceiver(mesh.ports.spare[5]);
      try {
        await sendSpansSoon(mesh);
        const isMarked = async () => (await mesh.ingress('/')).echo.headers['x-b3-traceid'] !== undefined;
        assert.equal(await isMarked(), true);
        await waitFor(() => receiver.received.length > 0, { what: 'a span', ...limits });
        assert.equal(receiver.received[0]?.path, '/api/v2/spans');
        assert.equal(receiver.received[0]?.span.tags['istio.namespace'], undefined);
        await mesh.apply(...later);
        assert.equal(await isMarked(), false);
      } finally {
        await receiver.stop();
      }
    },
  },
];

function zipkinAt(place: Place, more: { readonly enableIstioTags?: boolean }): MeshConfigSpec {
  const { service, port } = overHttp(place);
  return { defaultConfig: { tracing: { sampling: 100, zipkin: { address: `${service}:${port}` }, ...more } } };
}
