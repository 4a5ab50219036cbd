// Telemetry of the demo's real Envoys: Istio's metrics with their labels, Telemetry's overrides, one trace of a page, access logs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './support/free-port.ts';
import { OtlpReceiver, type ReceivedSpan, textOf } from './support/otlp-receiver.ts';
import { periplus, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const gateway = 'http://127.0.0.1:8080';
/** Addresses of the demo's proxies (run/demo-plan.ts). */
const proxies = {
  productpage: '127.10.0.1',
  details: '127.10.0.2',
  reviewsV1: '127.10.0.3',
  reviewsV3: '127.10.0.5',
  gateway: '127.10.0.10',
} as const;

type Series = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number };

async function seriesOf(proxy: keyof typeof proxies, name: string): Promise<Series[]> {
  const text = await (await fetch(`http://${proxies[proxy]}:15020/stats/prometheus`)).text();
  return text.split('\n').flatMap((line) => {
    const match = /^([a-z_]+)\{(.*)\} (\S+)$/.exec(line);
    if (match?.[1] !== name) return [];
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1], m[2]]);
    return [{ name, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(match[3]) }];
  });
}

/** Labels of istio.io/latest/docs/reference/config/metrics, which every standard metric has. */
const documented = [
  'reporter',
  ...['source', 'destination'].flatMap((side) =>
    [
      'workload',
      'workload_namespace',
      'principal',
      'app',
      'version',
      'canonical_service',
      'canonical_revision',
      'cluster',
    ].map((label) => `${side}_${label}`),
  ),
  ...['destination_service', 'destination_service_name', 'destination_service_namespace'],
  ...['request_protocol', 'connection_security_policy', 'response_flags'],
];

describe('telemetry of the demo mesh', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-telemetry-'));
  const receiver = new OtlpReceiver();
  let up: RunningPeriplus;
  let otlpPort = 0;
  let tcpPort = 0;
  let serverPort = 0;

  async function apply(name: string, yaml: string): Promise<void> {
    const file = join(scratch, `${name}.yaml`);
    writeFileSync(file, yaml);
    const { code, stdout, stderr } = await periplus(['apply', '-f', file, '--wait', '--timeout', '60s']);
    expect(code, stdout + stderr).toBe(0);
  }

  beforeAll(async () => {
    otlpPort = await receiver.startGrpc();
    [tcpPort = 0, serverPort = 0] = await freePorts(2);
    up = new RunningPeriplus(['up', '--data', join(scratch, 'data')]);
    await up.untilServing(`${gateway}/productpage`, 90_000);
  }, 120_000);
  afterAll(async () => {
    await up.stop();
    receiver.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('counts requests on both sides, with every label that Istio documents', async () => {
    for (let i = 0; i < 5; i++) await (await fetch(`${gateway}/productpage`)).text();
    for (const metric of [
      'istio_requests_total',
      'istio_request_duration_milliseconds_count',
      'istio_request_bytes_sum',
      'istio_response_bytes_sum',
    ]) {
      // Envoy merges histograms every five seconds.
      await waitFor(async () => (await seriesOf('productpage', metric)).length >= 3, { what: metric, limitMs: 30_000 });
      const series = await seriesOf('productpage', metric);
      for (const { labels } of series)
        expect(Object.keys(labels)).toEqual(
          expect.arrayContaining([...documented, 'response_code', 'grpc_response_status']),
        );
    }
    const of = async (proxy: keyof typeof proxies, reporter: string, to: string) =>
      (await seriesOf(proxy, 'istio_requests_total')).find(
        ({ labels }) => labels.reporter === reporter && labels.destination_service_name === to,
      );
    const atGateway = await of('gateway', 'source', 'productpage');
    const atPage = await of('productpage', 'destination', 'productpage');
    expect(atGateway?.labels).toMatchObject({
      source_workload: 'istio-ingressgateway',
      destination_workload: 'productpage-v1',
    });
    expect(atPage?.labels).toMatchObject({
      source_workload: 'istio-ingressgateway',
      destination_workload: 'productpage-v1',
    });
    expect(atPage?.value).toBe(atGateway?.value);
    const sent = await of('productpage', 'source', 'reviews');
    const received = await of('reviewsV1', 'destination', 'reviews');
    expect(sent?.labels).toMatchObject({
      source_app: 'productpage',
      destination_app: 'reviews',
      destination_version: 'v1',
    });
    expect(received?.labels).toMatchObject({
      source_workload: 'productpage-v1',
      source_version: 'v1',
      destination_version: 'v1',
    });
    expect(received?.value).toBe(sent?.value);
  });

  it('counts TCP connections, their bytes while they are open, on both sides, and messages of gRPC streams', async () => {
    await apply(
      'tcp',
      `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: tcp, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: ${tcpPort}, name: tcp, protocol: TCP }, bind: 127.0.0.1, hosts: ['*'] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tcp, namespace: default }
spec:
  hosts: ['*']
  gateways: [tcp]
  tcp:
    - match: [{ port: ${tcpPort} }]
      route: [{ destination: { host: details, port: { number: 9080 } } }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: details-v1, namespace: default }
spec:
  workloadSelector: { labels: { app: details, version: v1 } }
  ingress:
    - port: { number: 9080, protocol: HTTP, name: http }
      bind: 127.10.0.2
      captureMode: NONE
      defaultEndpoint: 127.0.0.1:19082
    - port: { number: ${serverPort}, protocol: TCP, name: tcp }
      bind: 127.10.0.2
      captureMode: NONE
      defaultEndpoint: 127.0.0.1:19082
  egress:
    - { port: { number: 9080, protocol: HTTP, name: http }, bind: 127.20.0.2, captureMode: NONE, hosts: [./*] }
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: details, namespace: default }
spec:
  selector: { matchLabels: { app: details } }
  metrics: [{ reportingInterval: 500ms }]
`,
    );
    const open = 'GET /details/0 HTTP/1.1\r\nhost: details:9080\r\n';
    const rest = 'connection: close\r\n\r\n';
    const totalOf = async (proxy: keyof typeof proxies, metric: string) =>
      (await seriesOf(proxy, `istio_tcp_${metric}_total`)).reduce((sum, { value }) => sum + value, 0);
    await grpcCall();
    // Through the gateway, and past it straight to the server's proxy, from another workload's address.
    for (const [proxy, at] of [
      ['gateway', { port: tcpPort, host: '127.0.0.1' }],
      ['details', { port: serverPort, host: '127.10.0.2', localAddress: '127.10.0.3' }],
    ] as const) {
      const connection = openConnection(at);
      connection.write(open);
      await waitFor(async () => (await totalOf(proxy, 'received_bytes')) === open.length, {
        what: `bytes of an open connection at ${proxy}`,
        limitMs: 60_000,
      });
      expect(await totalOf(proxy, 'connections_closed')).toBe(0);
      connection.write(rest);
      const received = await connection.ended;
      await waitFor(async () => (await totalOf(proxy, 'connections_closed')) === 1, {
        what: `the connection's end at ${proxy}`,
        limitMs: 60_000,
      });
      expect(await totalOf(proxy, 'connections_opened')).toBe(1);
      expect(await totalOf(proxy, 'received_bytes')).toBe(open.length + rest.length);
      expect(await totalOf(proxy, 'sent_bytes')).toBe(received);
      for (const metric of ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes'])
        for (const { labels } of await seriesOf(proxy, `istio_tcp_${metric}_total`))
          expect(Object.keys(labels)).toEqual(expect.arrayContaining(documented));
    }
    const [opened] = await seriesOf('gateway', 'istio_tcp_connections_opened_total');
    const client = { reporter: 'source', source_workload: 'istio-ingressgateway', request_protocol: 'tcp' };
    expect(opened?.labels).toMatchObject({ ...client, destination_workload: 'details-v1' });
    const [accepted] = await seriesOf('details', 'istio_tcp_connections_opened_total');
    const server = { reporter: 'destination', destination_workload: 'details-v1', request_protocol: 'tcp' };
    expect(accepted?.labels).toMatchObject({
      ...{ ...server, source_workload: 'reviews-v1', source_workload_namespace: 'default' },
      ...{ source_app: 'reviews', source_version: 'v1', source_canonical_service: 'reviews' },
    });
    const [messages] = await seriesOf('gateway', 'istio_request_messages_total');
    expect(messages).toMatchObject({ value: 2, labels: { request_protocol: 'grpc' } });
    expect(Object.keys(messages?.labels ?? {})).toEqual(expect.arrayContaining(documented));
  }, 180_000);

  it('gives what a Telemetry asks of metrics, logs and spans, and one trace of a page with every hop', async () => {
    await apply('providers', providers(otlpPort, join(scratch, 'access.log')));
    await apply('telemetry', telemetry);
    await apply('v3', v3);
    const chain = ['istio-ingressgateway.istio-system', 'productpage.default', 'reviews.default', 'ratings.default'];
    const isWhole = (spans: readonly ReceivedSpan[]) =>
      chain.every((service) => spans.some((span) => span.service === service));
    const traces = () => [...Map.groupBy(receiver.spans, ({ traceId }) => traceId).values()];
    // Connections that proxies had open stay a moment with the listeners as they were.
    const ask = () => getAnew(`${gateway}/productpage?marked`, { 'x-tenant': 'acme' });
    await waitFor(async () => (await ask()).includes('reviews v3') && traces().some(isWhole), {
      what: () =>
        `all spans of a request; so far ${JSON.stringify(receiver.spans.map(({ service, name }) => [service, name]))}`,
      everyMs: 1000,
      limitMs: 60_000,
    });
    const trace = traces().find(isWhole) ?? [];
    const roots = trace.filter(({ parentSpanId }) => parentSpanId === '');
    expect(roots.map(({ service }) => service)).toEqual(['istio-ingressgateway.istio-system']);
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    const ratings = trace.filter(({ service }) => service === 'ratings.default');
    expect(ratings).not.toEqual([]);
    expect(pathTo(ratings[0], byId)).toEqual([
      // A gateway's call is a span of its own, as a sidecar's.
      ...['istio-ingressgateway.istio-system', 'istio-ingressgateway.istio-system'],
      ...['productpage.default', 'productpage.default', 'reviews.default', 'reviews.default', 'ratings.default'],
    ]);
    expect(roots[0]?.attributes).toMatchObject({
      tenant: 'acme',
      fixed: 'yes',
      'istio.canonical_service': 'istio-ingressgateway',
    });
    const requests = await seriesOf('reviewsV3', 'istio_requests_total');
    const changed = requests.filter(({ labels }) => labels.method === 'GET');
    expect(changed).not.toEqual([]);
    expect(changed[0]?.labels).not.toHaveProperty('source_app');
    const logs = () => receiver.logs.map(({ attributes }) => textOf(attributes));
    await waitFor(async () => logs().some(({ path }) => path === '/productpage?marked'), {
      what: 'access logs',
      limitMs: 60_000,
    });
    // The filter: productpage's own calls are no requests for a page.
    expect(new Set(logs().map(({ path }) => path))).toEqual(new Set(['/productpage?marked']));
  }, 180_000);

  it('has one trace of a call that leaves the mesh by a gateway, and hands its context on', async () => {
    const [gatewayPort = 0] = await freePorts(1);
    const seen: IncomingHttpHeaders[] = [];
    const outside = createServer((request, response) => {
      seen.push(request.headers);
      response.end('outside');
    });
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    await apply('egress', egress(gatewayPort, (outside.address() as AddressInfo).port));
    // As the application productpage would call it, through its own proxy.
    const ask = () => getAnew('http://127.20.0.1:9080/egress', { host: 'api.example.com' });
    const ofContext = (traceparent: unknown) => {
      const traceId = /^00-([0-9a-f]{32})-/.exec(String(traceparent))?.[1];
      return receiver.spans.filter((span) => span.traceId === traceId).map(({ service }) => service);
    };
    await waitFor(
      async () => {
        await ask();
        // Spans come some seconds after their request.
        return seen.some(({ traceparent }) => {
          const services = ofContext(traceparent);
          return ['productpage.default', 'istio-ingressgateway.istio-system'].every((one) => services.includes(one));
        });
      },
      { what: () => `both spans of ${JSON.stringify(seen.at(-1))}`, everyMs: 1500, limitMs: 60_000 },
    );
    // Names of workloads are no business of others.
    expect(seen.at(-1)).not.toHaveProperty('x-periplus-peer');
    outside.close();
  }, 120_000);

  it('follows the narrowest level: metrics that are off, spans and logs that a workload does not give, context that ends', async () => {
    const total = async (metric: string) =>
      (await seriesOf('reviewsV3', metric))
        .filter(({ labels }) => labels.reporter === 'destination')
        .reduce((sum, { value }) => sum + value, 0);
    const [sizes, counts] = [await total('istio_request_bytes_count'), await total('istio_requests_total')];
    await apply('narrow', narrow);
    const spansOf = (service: string, marker: string) =>
      receiver.spans.filter((span) => span.service === service && (span.attributes['http.url'] ?? '').includes(marker));
    const page = 'productpage.default';
    // Its proxy begins a trace of its own when the gateway does not hand on the one that it began.
    await waitFor(
      async () => {
        await getAnew(`${gateway}/productpage?alone`, {});
        return spansOf(page, '?alone').some(({ parentSpanId }) => parentSpanId === '');
      },
      { what: () => JSON.stringify(spansOf(page, '?alone')), everyMs: 1000, limitMs: 60_000 },
    );
    const own = spansOf(page, '?alone').find(({ parentSpanId }) => parentSpanId === '');
    const trace = () => receiver.spans.filter(({ traceId }) => traceId === own?.traceId).map(({ service }) => service);
    await waitFor(() => trace().filter((service) => service === 'reviews.default').length >= 2, {
      what: () => `reviews in ${trace().join()}`,
      limitMs: 60_000,
    });
    expect(trace()).not.toContain('ratings.default');
    expect(await total('istio_requests_total')).toBeGreaterThan(counts);
    // Switched off by the test before: what had been counted stays.
    expect(await total('istio_request_bytes_count')).toBe(sizes);
    const paths = () => receiver.logs.map(({ attributes }) => textOf(attributes).path);
    expect(paths()).not.toContain('/productpage?alone');
  }, 180_000);
});

/** GETs on a connection of its own: one that is kept open stays with the listener as it was. */
function getAnew(url: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

/** Services from the root to `span`. */
function pathTo(
  span: { readonly service: string; readonly parentSpanId: string } | undefined,
  byId: ReadonlyMap<string, { readonly service: string; readonly parentSpanId: string }>,
): string[] {
  return span === undefined ? [] : [...pathTo(byId.get(span.parentSpanId), byId), span.service];
}

/** A TCP connection; `ended` resolves with the number of bytes that came. */
function openConnection(at: NetConnectOpts): { write(text: string): void; readonly ended: Promise<number> } {
  const socket = connect(at);
  const ended = new Promise<number>((resolve, reject) => {
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length)).on('error', reject);
    socket.on('close', () => resolve(bytes));
  });
  return { write: (text) => socket.write(text), ended };
}

/** A stream of two messages; the application behind the route answers as it likes. */
function grpcCall(): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(gateway);
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/api/v1/products',
      'content-type': 'application/grpc',
    });
    stream.resume();
    stream.on('error', reject).on('close', () => session.close(() => resolve()));
    stream.end(Buffer.from([0, 0, 0, 0, 1, 65, 0, 0, 0, 0, 1, 66]));
  });
}

const providers = (otlpPort: number, logFile: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: otel, namespace: default }
spec:
  hosts: [otel.observability.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 4317, name: grpc-otlp, protocol: GRPC }]
  endpoints: [{ address: 127.0.0.1, ports: { grpc-otlp: ${otlpPort} } }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
      - name: otel-traces
        opentelemetry: { service: otel.observability.svc.cluster.local, port: 4317 }
      - name: otel-logs
        envoyOtelAls:
          service: otel.observability.svc.cluster.local
          port: 4317
          logFormat: { text: '%REQ(:METHOD)%', labels: { path: '%REQ(:PATH)%', code: '%RESPONSE_CODE%' } }
      - name: file
        envoyFileAccessLog: { path: ${logFile} }
`;

const telemetry = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: mesh-default, namespace: istio-system }
spec:
  tracing:
    - providers: [{ name: otel-traces }]
      randomSamplingPercentage: 100
      customTags:
        tenant: { header: { name: x-tenant } }
        fixed: { literal: { value: 'yes' } }
  accessLogging:
    - providers: [{ name: otel-logs }]
      match: { mode: CLIENT }
      filter: { expression: "request.url_path == '/productpage'" }
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: reviews, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  metrics:
    - overrides:
        - match: { metric: REQUEST_COUNT, mode: SERVER }
          tagOverrides:
            method: { value: request.method }
            source_app: { operation: REMOVE }
        - match: { metric: REQUEST_SIZE }
          disabled: true
`;

/** Istio's way out: the sidecars send what is for the host to the gateway, which sends it on. */
const egress = (gatewayPort: number, outsidePort: number) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: default }
spec:
  hosts: [api.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9080, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${outsidePort} } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: way-out, namespace: default }
spec:
  hosts: [egress.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9080, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${gatewayPort} } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: egress, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${gatewayPort}, name: http, protocol: HTTP }, bind: 127.0.0.1, hosts: [api.example.com] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: default }
spec:
  hosts: [api.example.com]
  gateways: [mesh, egress]
  http:
    - match: [{ gateways: [mesh], port: 9080 }]
      route: [{ destination: { host: egress.example.com, port: { number: 9080 } } }]
    - match: [{ gateways: [egress], port: ${gatewayPort} }]
      route: [{ destination: { host: api.example.com, port: { number: 9080 } } }]
`;

/** The mesh's Telemetry traces everything and logs pages at the gateway. */
const narrow = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: gateway, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  tracing: [{ disableContextPropagation: true, useRequestIdForTraceSampling: false }]
  accessLogging: [{ providers: [{ name: otel-logs }], disabled: true }]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: ratings, namespace: default }
spec:
  selector: { matchLabels: { app: ratings } }
  tracing: [{ disableSpanReporting: true }]
`;

/** reviews v1 never asks ratings. */
const v3 = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: reviews, subset: v3 } }] }]
`;
