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
/** A variable of Pilot's process (mesh-parts.ts), one that is not there, and one of the control plane's own. */
const fromEnvironment = [
  { name: 'x-env', envName: 'COLLECTOR_KEY' },
  { name: 'x-none', envName: 'NO_SUCH_VARIABLE' },
  { name: 'x-own', envName: 'PERIPLUS_TOKEN' },
];
function assertFromEnvironment(headers: Readonly<Record<string, unknown>> | undefined): void {
  assert.deepEqual(
    [headers?.['x-env'], headers?.['x-none'] || '', headers?.['x-own'] || ''],
    ['of the environment', '', ''],
  );
}
/** How long Envoy gives a receiver: it says so in each call. */
const timeoutHeader = 'x-envoy-expected-rq-timeout-ms';

/** See the file's first line. */
export const providerCallCases: readonly TrafficCase[] = [
  {
    name: 'opentelemetry.grpc: calls come with initialMetadata',
    proves: field('opentelemetry', ...['name', 'value', 'envName'].map((one) => `grpc.initialMetadata.${one}`)),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: {
          ...overGrpc(place),
          maxTagLength: 8,
          grpc: { initialMetadata: [key, ...fromEnvironment] },
        },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startGrpc(mesh.ports.spare[5]);
      await isTraced(mesh, urlsOf(receiver)).finally(() => receiver.stop());
      assert.equal(receiver.calls[0]?.headers['x-key'], key.value);
      assertFromEnvironment(receiver.calls[0]?.headers);
    },
  },
  {
    name: 'opentelemetry.http.headers, and Dynatrace’s sampler, which marks the context',
    proves: field(
      'opentelemetry',
      'http.headers.name',
      'http.headers.value',
      'http.headers.envName',
      'http.timeout',
      'dynatraceSampler.tenant',
      'dynatraceSampler.clusterId',
    ),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: {
          ...overHttp(place),
          maxTagLength: 8,
          http: { path: '/v1/traces', timeout: '4s', headers: [key, ...fromEnvironment] },
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
        assert.equal(exported?.headers[timeoutHeader], '4000');
        assertFromEnvironment(exported?.headers);
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
      'dynatraceSampler.httpService.http.headers.envName',
      'dynatraceSampler.httpService.http.timeout',
    ),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: {
          ...overGrpc(place),
          dynatraceSampler: {
            tenant: 'abc12345',
            clusterId: 1,
            httpService: {
              ...overHttp(place),
              http: { path: '/sampling', timeout: '3s', headers: [key, ...fromEnvironment] },
            },
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
        assert.equal(asked()?.headers[timeoutHeader], '3000');
        assertFromEnvironment(asked()?.headers);
      } finally {
        receiver.stop();
      }
    },
  },
  {
    name: 'zipkin: headers, and W3C’s context beside B3’s',
    proves: field('zipkin', 'headers.name', 'headers.value', 'headers.envName', 'traceContextOption'),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        zipkin: {
          ...overHttp(place),
          maxTagLength: 8,
          headers: [key, ...fromEnvironment],
          traceContextOption: 'USE_B3_WITH_W3C_PROPAGATION',
        },
      }),
    run: async (mesh) => {
      const receiver = await startZipkinReceiver(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, () => receiver.received.map(({ span }) => span.tags['http.url'] ?? ''));
        const [first] = receiver.received;
        assert.deepEqual([first?.path, first?.headers['x-key']], ['/api/v2/spans', key.value]);
        assertFromEnvironment(first?.headers);
        const { echo } = await mesh.ingress('/both');
        assert.equal(String(echo.headers.traceparent).split('-')[1], echo.headers['x-b3-traceid']);
      } finally {
        await receiver.stop();
      }
    },
  },
  {
    name: 'envoyHttpAls: trailers and filter state of a gRPC call; envoyTcpAls: the same state',
    proves: [
      ...field('envoyHttpAls', 'additionalResponseTrailersToLog', 'filterStateObjectsToLog'),
      ...field('envoyTcpAls', 'filterStateObjectsToLog'),
    ],
    resources: (place) =>
      reporting(
        place,
        'accessLogging',
        {
          name: 'http-log',
          envoyHttpAls: {
            ...overGrpc(place),
            additionalResponseTrailersToLog: ['grpc-status'],
            filterStateObjectsToLog: [grpcState],
          },
        },
        { name: 'tcp-log', envoyTcpAls: { ...overGrpc(place), filterStateObjectsToLog: [grpcState] } },
      ),
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
        assert.deepEqual(Object.keys(entry()?.commonProperties?.filterStateObjects ?? {}), [grpcState]);
        // An access log for connections has requests as connections: so it is in Istio.
        const ofConnections = () =>
          receiver.messages
            .flatMap(({ logEntries }) => (logEntries.case === 'tcpLogs' ? logEntries.value.logEntry : []))
            .flatMap(({ commonProperties }) => Object.keys(commonProperties?.filterStateObjects ?? {}));
        await waitFor(() => ofConnections().includes(grpcState), { what: 'the call’s other entry', ...limits });
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

/** What Envoy's filter of gRPC statistics leaves. */
const grpcState = 'envoy.filters.http.grpc_stats';
const prometheus = { name: 'own', prometheus: {} };

/** Sum of the calling sidecar's Istio metric of requests. */
async function requestsTotal({ admin }: CaseMesh): Promise<number> {
  const url = `http://127.0.0.1:${admin.sidecar}/stats?format=json&filter=istio.requests_total`;
  const { stats } = (await (await fetch(url)).json()) as { readonly stats: readonly { readonly value?: number }[] };
  return stats.reduce((sum, { value = 0 }) => sum + value, 0);
}
