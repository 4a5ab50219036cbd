// Report rules on a real Envoy: each request that has ended is told to the handlers once, by gRPC access logs.
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { waitFor } from '../support/wait-for.ts';
import { PolicyMesh, type Sidecar } from './policy-mesh.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-report-'));
const file = join(folder, 'mixer.log');

const config = `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: file, namespace: default }
spec: { compiledAdapter: stdio, params: { log_stream: FILE, output_path: ${file} } }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: prometheus, namespace: default }
spec:
  compiledAdapter: prometheus
  params:
    metrics: [{ name: requests_seen, instance_name: requestcount.instance.default, kind: COUNTER, label_names: [path, code] }]
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: requestcount, namespace: default }
spec:
  compiledTemplate: metric
  params: { value: "1", dimensions: { path: request.url_path, code: response.code | 0 } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: accesslog, namespace: default }
spec:
  compiledTemplate: logentry
  params:
    severity: '"info"'
    timestamp: request.time
    variables:
      path: request.path
      method: request.method
      code: response.code | 0
      user: request.headers["x-user"] | "nobody"
      type: response.headers["server"] | ""
      version: destination.labels["version"]
      source: source.ip | ip("0.0.0.0")
      ms: response.duration | "0ms"
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: report, namespace: default }
spec:
  match: destination.labels["app"] == "web"
  actions:
    - { handler: file, instances: [accesslog] }
    - { handler: prometheus, instances: [requestcount] }
`;

describe('report rules on a real Envoy', () => {
  const mesh = new PolicyMesh();
  let web: Sidecar;
  beforeAll(async () => {
    await mesh.start();
    web = await mesh.sidecar('web', { app: 'web', version: 'v1' });
  }, 60_000);
  afterAll(async () => {
    await mesh.stop();
    rmSync(folder, { recursive: true });
  });

  const reported = (path: string) =>
    (existsSync(file) ? readFileSync(file, 'utf8') : '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      .filter((line) => line.path === path);
  const counted = (path: string) =>
    new RegExp(`istio_requests_seen\\{path="${path}",code="200"\\} (\\d+)`).exec(mesh.mixer?.metricsText() ?? '')?.[1];

  it('tell each request once, to stdio and to Prometheus, with what they ask for', async () => {
    await mesh.apply(config);
    await waitFor(async () => (await web.send('/warm')).status === 200 && reported('/warm').length > 0, {
      what: () => `the first report\n${web.envoy.output()}`,
      limitMs: 30_000,
    });
    await web.send('/one?a=b', { method: 'POST', headers: { 'x-user': 'alice' } });
    for (let i = 0; i < 20; i++) await web.send('/many');
    await waitFor(() => counted('/many') === '20' && counted('/one') === '1', {
      what: () => `the counts in\n${mesh.mixer?.metricsText()}`,
      limitMs: 30_000,
    });
    await waitFor(() => reported('/many').length >= 20 && reported('/one?a=b').length >= 1, {
      what: 'the lines',
      limitMs: 30_000,
    });
    expect(reported('/many')).toHaveLength(20);
    expect(reported('/one?a=b')).toEqual([
      expect.objectContaining({
        ...{ instance: 'accesslog.default', level: 'info', method: 'POST', code: 200, user: 'alice' },
        ...{ version: 'v1', source: '127.0.0.1', type: 'istio-envoy' },
      }),
    ]);
    expect(mesh.mixer?.metricsText()).toContain('mixer_handler_reports_delivered_total{handler="prometheus.default"}');
    expect(mesh.mixer?.metricsText()).not.toContain('mixer_handler_reports_dropped_total{');
  }, 120_000);

  it('see the attributes that a check of the same request sees', async () => {
    const parts = ['request.method', 'request.host', 'request.url_path', '(request.query_params["a"] | "none")'];
    const text = [...parts, 'request.scheme', 'context.protocol', '(request.headers["x-user"] | "nobody")'].join(' + ');
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: both, namespace: default }
spec:
  rules:
    - headers: { request: { set: { x-check: '${text}' } } }
    - report: { handlers: [file], log: { variables: { path: request.path, seen: '${text}' } } }
`);
    const headers = { 'x-user': 'alice', 'content-type': 'application/grpc' };
    const send = () => web.send('/both?a=b', { headers });
    const lines = () => reported('/both?a=b').flatMap(({ seen }) => (seen === undefined ? [] : [seen]));
    await waitFor(async () => (await send()).seen['x-check'] !== undefined && lines().length > 0, {
      what: 'the check and its report',
      limitMs: 30_000,
    });
    const checked = (await send()).seen['x-check'];
    expect(checked).toMatch(/^GET127\.0\.0\.1:\d+\/bothbhttpgrpcalice$/);
    expect(new Set(lines())).toEqual(new Set([checked]));
    await mesh.delete('Policy', 'both');
  }, 60_000);

  it('count end to end: sent = received by an OTLP receiver and a statsd + counted drops, with one that breaks in between', async () => {
    const lines: string[] = [];
    const statsd = createSocket('udp4').on('message', (packet) => lines.push(...packet.toString().split('\n')));
    await new Promise<void>((resolve) => statsd.bind(0, '127.0.0.1', resolve));
    const receiver = new OtlpReceiver();
    const endpoint = `http://127.0.0.1:${await receiver.startHttp()}`;
    const annotations = { 'policy.periplus.io/deadline': '10s' };
    const handler = (name: string, params: object) => ({
      apiVersion: 'config.istio.io/v1alpha2',
      kind: 'handler',
      metadata: { name, namespace: 'default', annotations },
      spec: { compiledAdapter: name, params },
    });
    const report = {
      apiVersion: 'policy.periplus.io/v1',
      kind: 'Policy',
      metadata: { name: 'count', namespace: 'default' },
      spec: {
        rules: [
          {
            when: 'request.path.startsWith("/counted")',
            report: { handlers: ['otlp', 'statsd'], metric: { dimensions: { path: 'request.url_path' } } },
          },
        ],
      },
    };
    const address = `127.0.0.1:${statsd.address().port}`;
    for (const one of [
      handler('otlp', { endpoint }),
      handler('statsd', { address, metrics: { 'Policy/default/count[0]': { nameTemplate: 'counted.{{.path}}' } } }),
      report,
    ])
      await mesh.apply(JSON.stringify(one));
    const points = () =>
      receiver.metrics.reduce((sum, { data }) => sum + (data.case === 'sum' ? data.value.dataPoints.length : 0), 0);
    const total = (name: string, of: string) =>
      [
        ...(mesh.mixer?.metricsText() ?? '').matchAll(
          new RegExp(`^${name}\\{handler="${of}.default".*\\} (\\d+)$`, 'gm'),
        ),
      ]
        .map(([, value]) => Number(value))
        .reduce((sum, value) => sum + value, 0);
    const received = (of: string) => total('mixer_handler_reports_received_total', of);
    const delivered = (of: string) => total('mixer_handler_reports_delivered_total', of);
    const dropped = (of: string) => total('mixer_handler_reports_dropped_total', of);
    const send = async (from: number) => {
      for (let i = from; i < from + 30; i++) await web.send(`/counted/${i}`);
    };
    // Who asks whether the rule has come is told apart from what is counted.
    await waitFor(
      async () => {
        await web.send('/counted/first');
        return points() > 0;
      },
      { what: 'the first point', limitMs: 30_000 },
    );
    await send(0);
    receiver.broken = true;
    await send(30);
    await waitFor(() => dropped('otlp') > 0, { what: 'a drop', limitMs: 30_000 });
    receiver.broken = false;
    await send(60);
    const numbered = () => lines.flatMap((line) => /^counted\.\/counted\/(\d+):1\|c$/.exec(line)?.[1] ?? []);
    await waitFor(() => numbered().length >= 90, {
      what: () => `all lines of statsd\n${numbered().join()}\n${mesh.mixer?.metricsText()}`,
      limitMs: 60_000,
    });
    expect(new Set(numbered()).size).toBe(90);
    await waitFor(
      () =>
        received('otlp') === received('statsd') &&
        ['otlp', 'statsd'].every((of) => received(of) === delivered(of) + dropped(of)),
      { what: () => `everything counted\n${mesh.mixer?.metricsText()}`, limitMs: 30_000 },
    );
    expect(delivered('otlp')).toBe(points());
    expect(delivered('statsd')).toBe(lines.length);
    expect(dropped('otlp')).toBeGreaterThan(0);
    await mesh.delete('Policy', 'count');
    statsd.close();
    receiver.stop();
  }, 180_000);

  it('say what became of the check: refused by Envoy, refused by Mixer, or let through', async () => {
    const text = `{ code: check.error_code, message: 'check.error_message | "none"', hit: check.cache_hit, path: request.path }`;
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: outcome, namespace: default }
spec:
  rules:
    - { when: request.path == "/outcome/envoy", deny: { status: 404, message: not here } }
    - { when: 'size(request.path) > 0 && request.path == "/outcome/mixer"', deny: { status: 429, message: not now } }
    - { when: request.path.startsWith("/outcome"), report: { handlers: [file], log: { variables: ${text} } } }
`);
    const outcome = (path: string) => reported(path).find(({ hit }) => hit !== undefined);
    for (const [path, status, code, message] of [
      ['/outcome/envoy', 404, 5, 'not here'],
      ['/outcome/mixer', 429, 8, 'not now'],
      ['/outcome/none', 200, 0, 'none'],
    ] as const) {
      await waitFor(async () => (await web.send(path)).status === status && outcome(path) !== undefined, {
        what: () => `${status} and its report\n${web.envoy.output()}`,
        limitMs: 30_000,
      });
      // Lines of before the rules came may be among them.
      await waitFor(() => reported(path).some((line) => line.code === code && line.message === message), {
        what: () => JSON.stringify(reported(path)),
        limitMs: 30_000,
      });
    }
    await mesh.delete('Policy', 'outcome');
  }, 120_000);

  it('tell of each TCP connection when it opens, while it is open and when it ends, each byte once', async () => {
    const variables = {
      ...{ path: '"tcp"', event: 'connection.event', id: 'connection.id', source: 'source.ip' },
      ...{ in: 'connection.received.bytes', out: 'connection.sent.bytes' },
      ...{ allIn: 'connection.received.bytes_total', allOut: 'connection.sent.bytes_total' },
    };
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: connections, namespace: default }
spec:
  selector: { matchLabels: { app: db } }
  rules: [{ when: context.protocol == "tcp", report: { handlers: [file], log: { variables: ${JSON.stringify(variables)} } } }]
`);
    const db = await mesh.sidecar('db', { app: 'db' }, 'TCP');
    const [first, rest] = ['GET /bytes HTTP/1.1\r\nhost: db\r\n', 'connection: close\r\n\r\n'];
    let out = 0;
    const socket = createConnection(db.port, '127.0.0.1', () => socket.write(first));
    const ended = new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject));
    socket.on('data', (part) => (out += part.length));
    // Other connections asked whether the proxy serves: this one is known by its bytes.
    const lines = () => {
      const id = reported('tcp').find(({ allIn }) => allIn === first.length)?.id;
      return reported('tcp').filter((line) => id !== undefined && line.id === id);
    };
    const what = () => `the connection in ${JSON.stringify(reported('tcp'))}\n${db.envoy.output()}`;
    await waitFor(() => lines().some(({ event }) => event === 'continue'), { what, limitMs: 60_000 });
    socket.write(rest);
    await ended;
    await waitFor(() => lines().some(({ event }) => event === 'close'), { what, limitMs: 30_000 });
    const [opened, ...others] = lines();
    expect(opened).toMatchObject({ event: 'open', allOut: 0, source: '127.0.0.1' });
    expect(others.at(-1)).toMatchObject({ event: 'close', allIn: first.length + rest.length, allOut: out });
    const sum = (name: 'in' | 'out') => lines().reduce((total, line) => total + Number(line[name]), 0);
    expect([sum('in'), sum('out')]).toEqual([first.length + rest.length, out]);
  }, 120_000);
});
