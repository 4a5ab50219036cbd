// MeshConfig extensionProviders: how their receivers are called (headers, metadata, samplers), what context goes on, what of calls is logged and counted.
import assert from 'node:assert/strict';
import { OtlpReceiver } from '../../support/otlp-receiver.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { sendHttp2 } from '../client.ts';
import { startAccessLogReceiver, startZipkinReceiver } from '../collectors.ts';
import { meshConfig } from '../resources.ts';
import { field, isTraced, limits, overGrpc, overHttp, reporting } from './providers.ts';

const urlsOf = (receiver: OtlpReceiver) => () => receiver.spans.map(({ attributes }) => attributes['http.url'] ?? '');
const key = { name: 'x-key', value: 'of the test' };

/** See the file's first line. */
export const providerCallCases: readonly TrafficCase[] = [
  {
    name: 'opentelemetry.grpc: calls come with initialMetadata',
    proves: field('opentelemetry', 'grpc.initialMetadata.name', 'grpc.initialMetadata.value'),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: { ...overGrpc(place), maxTagLength: 8, grpc: { timeout: '5s', initialMetadata: [key] } },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startGrpc(mesh.ports.spare[5]);
      await isTraced(mesh, urlsOf(receiver)).finally(() => receiver.stop());
      assert.equal(receiver.calls[0]?.headers['x-key'], key.value);
    },
  },
  {
    name: 'opentelemetry.http.headers, and Dynatrace’s sampler, which marks the context',
    proves: field(
      'opentelemetry',
      'http.headers.name',
      'http.headers.value',
      'dynatraceSampler.tenant',
      'dynatraceSampler.clusterId',
    ),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: {
          ...overHttp(place),
          maxTagLength: 8,
          http: { path: '/v1/traces', timeout: '5s', headers: [key] },
          dynatraceSampler: { tenant: 'abc12345', clusterId: 0x1234 },
        },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startHttp(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, urlsOf(receiver));
        const { echo } = await mesh.ingress('/marked');
        assert.match(String(echo.headers.tracestate), /-1234@dt=fw4;/);
        const exported = receiver.calls.find(({ path }) => path === '/v1/traces');
        assert.equal(exported?.headers['x-key'], key.value);
      } finally {
        receiver.stop();
      }
    },
  },
  {
    name: 'opentelemetry.dynatraceSampler.httpService: a service of its own',
    proves: field(
      'opentelemetry',
      'dynatraceSampler.httpService.service',
      'dynatraceSampler.httpService.port',
      'dynatraceSampler.httpService.http.path',
      'dynatraceSampler.httpService.http.headers.name',
      'dynatraceSampler.httpService.http.headers.value',
    ),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: {
          ...overGrpc(place),
          dynatraceSampler: {
            tenant: 'abc12345',
            clusterId: 1,
            httpService: { ...overHttp(place), http: { path: '/sampling', timeout: '5s', headers: [key] } },
          },
        },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startHttp(mesh.ports.spare[5]);
      try {
        // Envoy asks ten seconds after it has the listener.
        const asked = () => receiver.calls.find(({ path }) => path === '/sampling');
        await waitFor(() => asked() !== undefined, { what: 'a question of the sampler', limitMs: 25_000, everyMs: 50 });
        assert.equal(asked()?.headers['x-key'], key.value);
      } finally {
        receiver.stop();
      }
    },
  },
  {
    name: 'zipkin: headers, and W3C’s context beside B3’s',
    proves: field('zipkin', 'headers.name', 'headers.value', 'traceContextOption'),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        zipkin: {
          ...overHttp(place),
          maxTagLength: 8,
          headers: [key],
          timeout: '5s',
          traceContextOption: 'USE_B3_WITH_W3C_PROPAGATION',
        },
      }),
    run: async (mesh) => {
      const receiver = await startZipkinReceiver(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, () => receiver.received.map(({ span }) => span.tags['http.url'] ?? ''));
        const [first] = receiver.received;
        assert.deepEqual([first?.path, first?.headers['x-key']], ['/api/v2/spans', key.value]);
        const { echo } = await mesh.ingress('/both');
        assert.equal(String(echo.headers.traceparent).split('-')[1], echo.headers['x-b3-traceid']);
      } finally {
        await receiver.stop();
      }
    },
  },
  {
    name: 'envoyHttpAls: trailers and filter state of a gRPC call',
    proves: field('envoyHttpAls', 'additionalResponseTrailersToLog', 'filterStateObjectsToLog'),
    resources: (place) =>
      reporting(place, 'accessLogging', {
        name: 'http-log',
        envoyHttpAls: {
          ...overGrpc(place),
          additionalResponseTrailersToLog: ['grpc-status'],
          filterStateObjectsToLog: ['envoy.filters.http.grpc_stats'],
        },
      }),
    run: async (mesh) => {
      const receiver = await startAccessLogReceiver(mesh.ports.spare[5]);
      try {
        await sendHttp2('/x/y', { port: mesh.ports.grpc, grpc: true, headers: { 'x-grpc-status': '5' } });
        const entry = () =>
          receiver.messages
            .flatMap(({ logEntries }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
            .find(({ request }) => request?.path === '/x/y');
        await waitFor(() => entry() !== undefined, { what: 'the call’s entry', ...limits });
        assert.equal(entry()?.response?.responseTrailers['grpc-status'], '5');
        const states = Object.keys(entry()?.commonProperties?.filterStateObjects ?? {});
        assert.deepEqual(states, ['envoy.filters.http.grpc_stats']);
      } finally {
        await receiver.stop();
      }
    },
  },
  {
    name: 'defaultProviders.metrics: requests are counted for a Prometheus that it names, and without any not at all',
    proves: ['MeshConfig.defaultProviders.metrics', 'MeshConfig.extensionProviders.prometheus'],
    resources: () => [meshConfig({ extensionProviders: [prometheus], defaultProviders: { metrics: [] } })],
    later: () => [meshConfig({ extensionProviders: [prometheus], defaultProviders: { metrics: [prometheus.name] } })],
    run: async (mesh, later) => {
      const before = await requestsTotal(mesh);
      await mesh.get('/not-counted');
      await mesh.apply(...later);
      await mesh.get('/counted');
      await waitFor(async () => (await requestsTotal(mesh)) > before, { what: 'a counted request', ...limits });
      assert.equal(await requestsTotal(mesh), before + 1);
    },
  },
];

const prometheus = { name: 'own', prometheus: {} };

/** Sum of the calling sidecar's Istio metric of requests. */
async function requestsTotal({ admin }: CaseMesh): Promise<number> {
  const url = `http://127.0.0.1:${admin.sidecar}/stats?format=json&filter=istio.requests_total`;
  const { stats } = (await (await fetch(url)).json()) as { readonly stats: readonly { readonly value?: number }[] };
  return stats.reduce((sum, { value = 0 }) => sum + value, 0);
}
