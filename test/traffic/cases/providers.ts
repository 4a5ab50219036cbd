// MeshConfig extensionProviders that log and trace, and the mesh's default ones: what arrives of a gateway's requests.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExtensionProvider } from '../../../mesh/config/schemas/extension-provider.ts';
import type { MeshConfigSpec } from '../../../mesh/config/schemas/mesh-config.ts';
import { OtlpReceiver, textOf } from '../../support/otlp-receiver.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange } from '../client.ts';
import { startAccessLogReceiver, startZipkinReceiver } from '../collectors.ts';
import { gateway, gatewaySelector, type Manifest, meshConfig, serviceEntry, virtualService } from '../resources.ts';

const service = 'collector.example.com';
/** Paths of a provider's fields. */
export const field = (provider: string, ...names: readonly string[]) =>
  names.map((name) => `MeshConfig.extensionProviders.${provider}.${name}`);
/** For what comes when a proxy has written out what it collected. */
export const limits = { limitMs: 20_000, everyMs: 50 };

/** `providers` as the mesh's defaults for `signal`, at a service on the last spare port of this machine. */
export function reporting(
  { ports }: Place,
  signal: keyof NonNullable<MeshConfigSpec['defaultProviders']>,
  ...extensionProviders: readonly ExtensionProvider[]
): Manifest[] {
  return [
    serviceEntry('collector', {
      hosts: [service],
      ports: [4, 3].map((index) => ({
        number: ports.spare[index] ?? 0,
        name: index === 4 ? 'grpc' : 'http',
        protocol: index === 4 ? 'GRPC' : 'HTTP',
      })),
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { grpc: ports.spare[5], http: ports.spare[5] } }],
    }),
    virtualService('web', {
      hosts: ['web.example.com'],
      gateways: ['base'],
      http: [{ route: [{ destination: { host: 'other' } }] }],
    }),
    meshConfig({
      extensionProviders: [...extensionProviders],
      defaultProviders: { [signal]: extensionProviders.map(({ name }) => name) },
    }),
  ];
}
/** The collector's port for gRPC. */
export const overGrpc = ({ ports }: Place) => ({ service, port: ports.spare[4] });
/** The collector's port for HTTP. */
export const overHttp = ({ ports }: Place) => ({ service, port: ports.spare[3] });

const logFile = ({ files }: Pick<Place, 'files'>, name: string) => join(dirname(files.ca), name);
async function firstLine(mesh: CaseMesh, name: string): Promise<string> {
  let text = '';
  await waitFor(() => (text = readFileSync(logFile(mesh, name), 'utf8')).includes('\n'), {
    what: `a line of ${name}`,
    ...limits,
  });
  return text.split('\n')[0] ?? '';
}

/** Spans are sent every five seconds: too seldom for a test. */
export async function sendSpansSoon(mesh: CaseMesh): Promise<void> {
  const flags = ['opentelemetry', 'zipkin'].map((tracer) => `tracing.${tracer}.flush_interval_ms=100`);
  await fetch(`http://127.0.0.1:${mesh.admin.gateway}/runtime_modify?${flags.join('&')}`, { method: 'POST' });
}

/** See the file's first line. */
export const providerCases: readonly TrafficCase[] = [
  {
    name: 'envoyFileAccessLog: text, and JSON without what is empty',
    proves: [
      'MeshConfig.defaultProviders.accessLogging',
      'MeshConfig.extensionProviders.name',
      ...field('envoyFileAccessLog', 'path', 'logFormat.text', 'logFormat.labels', 'omitEmptyValues'),
    ],
    resources: (place) =>
      reporting(
        place,
        'accessLogging',
        {
          name: 'text',
          envoyFileAccessLog: {
            path: logFile(place, 'provider.log'),
            logFormat: { text: '%REQ(:PATH)% as told, %REQ_WITHOUT_QUERY(:PATH)%\n' },
          },
        },
        {
          name: 'json',
          envoyFileAccessLog: {
            path: logFile(place, 'provider.json'),
            logFormat: { labels: { path: '%REQ_WITHOUT_QUERY(:PATH)%', none: '%REQ(X-NONE)%' } },
            omitEmptyValues: true,
          },
        },
      ),
    run: async (mesh) => {
      await mesh.ingress('/logged?key=secret');
      assert.equal(await firstLine(mesh, 'provider.log'), '/logged?key=secret as told, /logged');
      assert.deepEqual(JSON.parse(await firstLine(mesh, 'provider.json')), { path: '/logged' });
    },
  },
  {
    name: 'envoyHttpAls and envoyTcpAls: entries with the headers that they ask for',
    proves: [
      ...field(
        'envoyHttpAls',
        'service',
        'port',
        'logName',
        'additionalRequestHeadersToLog',
        'additionalResponseHeadersToLog',
      ),
      ...field('envoyTcpAls', 'service', 'port', 'logName'),
    ],
    resources: (place) => [
      ...reporting(
        place,
        'accessLogging',
        {
          name: 'http-log',
          envoyHttpAls: {
            ...overGrpc(place),
            logName: 'requests',
            additionalRequestHeadersToLog: ['x-asked'],
            additionalResponseHeadersToLog: ['x-upstream'],
          },
        },
        { name: 'tcp-log', envoyTcpAls: { ...overGrpc(place), logName: 'connections' } },
      ),
      gateway('bytes', {
        selector: gatewaySelector,
        servers: [
          { port: { number: place.ports.spare[0], name: 'tcp', protocol: 'TCP' }, bind: '127.0.0.1', hosts: ['*'] },
        ],
      }),
      virtualService('bytes', {
        hosts: ['*'],
        gateways: ['bytes'],
        tcp: [{ route: [{ destination: { host: 'echo', port: { number: place.ports.tcp } } }] }],
      }),
    ],
    run: async (mesh) => {
      const receiver = await startAccessLogReceiver(mesh.ports.spare[5]);
      try {
        await exchange('x', { port: mesh.ports.spare[0] });
        await mesh.ingress('/als', { headers: { 'x-asked': 'yes' } });
        const entries = () =>
          receiver.messages.flatMap(({ logEntries }) =>
            logEntries.case === 'httpLogs' ? logEntries.value.logEntry : [],
          );
        const logNames = () => receiver.messages.flatMap(({ identifier }) => (identifier ? [identifier.logName] : []));
        const isThere = () =>
          entries().some(({ request }) => request?.path === '/als') && logNames().includes('connections');
        await waitFor(isThere, { what: () => `entries; so far ${logNames().join()}`, ...limits });
        const entry = entries().find(({ request }) => request?.path === '/als');
        assert.equal(entry?.request?.requestHeaders['x-asked'], 'yes');
        assert.equal(entry?.response?.responseHeaders['x-upstream'], 'o1');
        assert.ok(logNames().includes('requests'), logNames().join());
      } finally {
        await receiver.stop();
      }
    },
  },
  {
    name: 'envoyOtelAls: a record with a body and attributes of its own',
    proves: field('envoyOtelAls', 'service', 'port', 'logName', 'logFormat.text', 'logFormat.labels'),
    resources: (place) =>
      reporting(place, 'accessLogging', {
        name: 'records',
        envoyOtelAls: {
          ...overGrpc(place),
          logName: 'gateway-log',
          logFormat: { text: 'asked for %REQ_WITHOUT_QUERY(:PATH)%', labels: { code: '%RESPONSE_CODE%' } },
        },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startGrpc(mesh.ports.spare[5]);
      try {
        await mesh.ingress('/otel?key=secret');
        const found = () =>
          receiver.logs.find(
            ({ body }) => body?.value.case === 'stringValue' && body.value.value === 'asked for /otel',
          );
        await waitFor(() => found() !== undefined, { what: 'a record', ...limits });
        assert.equal(textOf(found()?.attributes ?? []).code, '200');
      } finally {
        receiver.stop();
      }
    },
  },
  {
    name: 'opentelemetry over gRPC: spans, their tags cut to maxTagLength',
    proves: ['MeshConfig.defaultProviders.tracing', ...field('opentelemetry', 'service', 'port', 'maxTagLength')],
    resources: (place) =>
      reporting(place, 'tracing', { name: 'spans', opentelemetry: { ...overGrpc(place), maxTagLength: 8 } }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startGrpc(mesh.ports.spare[5]);
      await isTraced(mesh, () => receiver.spans.map(({ attributes }) => attributes['http.url'] ?? '')).finally(() =>
        receiver.stop(),
      );
    },
  },
  {
    name: 'opentelemetry over HTTP',
    proves: field('opentelemetry', 'http.path', 'http.timeout'),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        opentelemetry: { ...overHttp(place), http: { path: '/v1/traces', timeout: '5s' }, maxTagLength: 8 },
      }),
    run: async (mesh) => {
      const receiver = new OtlpReceiver();
      await receiver.startHttp(mesh.ports.spare[5]);
      await isTraced(mesh, () => receiver.spans.map(({ attributes }) => attributes['http.url'] ?? '')).finally(() =>
        receiver.stop(),
      );
    },
  },
  {
    name: 'zipkin: path, short trace ids and tags',
    proves: field('zipkin', 'service', 'port', 'path', 'enable64bitTraceId', 'maxTagLength'),
    resources: (place) =>
      reporting(place, 'tracing', {
        name: 'spans',
        zipkin: { ...overHttp(place), path: '/spans', enable64bitTraceId: true, maxTagLength: 8 },
      }),
    run: async (mesh) => {
      const receiver = await startZipkinReceiver(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, () => receiver.received.map(({ span }) => span.tags['http.url'] ?? ''));
        const [first] = receiver.received;
        assert.deepEqual([first?.path, first?.span.traceId.length], ['/spans', 16]);
      } finally {
        await receiver.stop();
      }
    },
  },
];

/** The path of a request is in a span's URL, cut after eight characters. */
export async function isTraced(mesh: CaseMesh, urls: () => readonly string[]): Promise<void> {
  await sendSpansSoon(mesh);
  const isThere = () => urls().some((url) => url.endsWith('/a-trace'));
  await waitFor(
    async () => {
      // Of a hundred requests one is sampled by default, unless they ask for it.
      await mesh.ingress('/a-traced-path', { headers: { 'x-client-trace-id': 'asked', 'x-b3-sampled': '1' } });
      return isThere();
    },
    { what: () => `a span; so far ${urls().join()}`, limitMs: 20_000, everyMs: 20 },
  );
}
