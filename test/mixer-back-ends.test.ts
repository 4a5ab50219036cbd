// Mixer's handlers on real back ends, a Kafka broker and an OpenTelemetry Collector: each handler's contract, and delivery counted through Envoy.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fluentd } from '../services/mixer/handlers/fluentd.ts';
import { handlerContract } from '../services/mixer/handlers/handler-contract.ts';
import { kafka } from '../services/mixer/handlers/kafka.ts';
import { otlp } from '../services/mixer/handlers/otlp.ts';
import { logInstance, metricInstance, spanInstance, testMeans } from '../services/mixer/handlers/report-fixture.ts';
import { statsd } from '../services/mixer/handlers/statsd.ts';
import { PolicyMesh, type Sidecar } from './policy/policy-mesh.ts';
import { TestCollector } from './support/collector.ts';
import { TestKafka } from './support/kafka.ts';
import { noPrometheus, TestPrometheus } from './support/prometheus.ts';
import { waitFor } from './support/wait-for.ts';

const broker = await TestKafka.start();
const collector = await TestCollector.start();
const noKafka = broker instanceof TestKafka ? '' : `: skipped, no Kafka can be had: ${broker.why}`;
const noCollector = collector instanceof TestCollector ? '' : `: skipped, no collector can be had: ${collector.why}`;
const [realKafka, realCollector] = [broker as TestKafka, collector as TestCollector];
afterAll(async () => {
  if (noKafka === '') await realKafka.dispose();
  if (noCollector === '') await realCollector.dispose();
});
let topics = 0;

async function newTopic(): Promise<string> {
  const topic = `mixer-${++topics}`;
  await realKafka.createTopic(topic, 2);
  return topic;
}

describe.skipIf(noKafka !== '')(`Mixer’s kafka handler on a real broker${noKafka}`, () => {
  async function open() {
    const topic = await newTopic();
    return { topic, handler: kafka.create({ brokers: [realKafka.address], topic }, testMeans) };
  }

  handlerContract('kafka', async () => {
    const { topic, handler } = await open();
    const delivered = async () => (await realKafka.read(topic)).length;
    return { kind: kafka, handler, instances: [metricInstance, logInstance], delivered };
  });

  it('sends each instance as JSON under its name', async () => {
    const { topic, handler } = await open();
    await handler.report?.([metricInstance, logInstance], AbortSignal.timeout(30_000));
    const messages = (await realKafka.read(topic)).map(({ key, value }) => [key, JSON.parse(value) as unknown]);
    expect(Object.fromEntries(messages)).toMatchObject({
      'requestcount.default': { template: 'metric', value: 1, dimensions: { code: 200 } },
      'accesslog.default': { template: 'logentry', severity: 'info', time: '2026-11-22T12:00:00.500Z' },
    });
  });

  it('rejects while the broker is gone, and delivers again when it is back', async () => {
    const { topic, handler } = await open();
    await handler.report?.([metricInstance], AbortSignal.timeout(30_000));
    await realKafka.kill();
    await expect(handler.report?.([metricInstance], AbortSignal.timeout(3_000))).rejects.toThrow(/Kafka at/);
    await realKafka.restart();
    await expect
      .poll(
        () =>
          handler.report?.([metricInstance], AbortSignal.timeout(5_000)).then(
            () => true,
            () => false,
          ),
        {
          timeout: 60_000,
          interval: 500,
        },
      )
      .toBe(true);
    expect((await realKafka.read(topic)).length).toBeGreaterThanOrEqual(2);
  });
});

describe.skipIf(noCollector !== '')(`Mixer’s handlers on a real OpenTelemetry Collector${noCollector}`, () => {
  /** What there is now is of tests before. */
  const since = (count: () => number) => {
    const before = count();
    return async () => count() - before;
  };
  const sumOf = (name: string) => realCollector.points(name).reduce((sum, { value }) => sum + value, 0);
  const fluentLogs = () => realCollector.logs().filter((log) => 'fluent.tag' in log).length;
  const { otlpPort, fluentPort, statsdPort } = realCollector;

  handlerContract('otlp', async () => ({
    kind: otlp,
    handler: otlp.create({ endpoint: `http://127.0.0.1:${otlpPort}` }, testMeans),
    instances: [metricInstance, logInstance, spanInstance],
    delivered: since(() => sumOf('requestcount.default') + realCollector.logs().length + realCollector.spans().length),
  }));
  handlerContract('fluentd', async () => ({
    kind: fluentd,
    handler: fluentd.create({ address: `127.0.0.1:${fluentPort}` }, testMeans),
    instances: [logInstance],
    delivered: since(fluentLogs),
  }));
  const instance = { ...metricInstance, name: 'statsd.default' };
  handlerContract('statsd', async () => ({
    kind: statsd,
    handler: statsd.create({ address: `127.0.0.1:${statsdPort}` }, testMeans),
    instances: [instance],
    delivered: since(() => sumOf('statsd.default')),
  }));
});

const noBoth = noKafka || noCollector;
describe.skipIf(noBoth !== '')(`reports through Envoy to real back ends${noBoth}`, () => {
  const mesh = new PolicyMesh();
  let web: Sidecar;
  let topic = '';
  beforeAll(async () => {
    topic = await newTopic();
    await mesh.start();
    web = await mesh.sidecar('web', { app: 'web' });
    for (const resource of resources(topic)) await mesh.apply(JSON.stringify(resource));
  }, 120_000);
  afterAll(async () => {
    await mesh.stop();
  });

  const names = ['kafka', 'otlp', 'fluentd', 'statsd', 'prometheus'] as const;
  const text = () => mesh.mixer?.metricsText() ?? '';
  const total = (what: string, of: string) =>
    [
      ...text().matchAll(
        new RegExp(`^mixer_handler_reports_${what}_total\\{handler="${of}.default".*\\} (\\d+)$`, 'gm'),
      ),
    ]
      .map(([, value]) => Number(value))
      .reduce((sum, value) => sum + value, 0);
  const settled = () =>
    names.every((of) => total('received', of) === total('delivered', of) + total('dropped', of)) &&
    new Set(names.map((of) => total('received', of))).size === 1;
  /** Sends numbered requests and waits until each handler has delivered or dropped the report of each. */
  const send = async (from: number, count: number) => {
    const before = total('received', 'kafka');
    for (let i = from; i < from + count; i++) await web.send(`/counted/${i}`);
    const what = () => `all reports\n${text()}\n${web.envoy.output()}`;
    await waitFor(() => settled() && total('received', 'kafka') >= before + count, { what, limitMs: 90_000 });
  };
  const inKafka = async () =>
    (await realKafka.read(topic)).map(
      ({ value }) => (JSON.parse(value) as { dimensions: { path: string } }).dimensions,
    );
  const inFluentd = () => realCollector.logs().filter((log) => log['fluent.tag'] === 'Policy/default/logs[0]');
  const inOtlp = () => realCollector.points('Policy/default/metrics[0]').length;
  const inStatsd = () => realCollector.points('counted').reduce((sum, { value }) => sum + value, 0);

  it('sent = received + counted drops, with back ends that go away and come back', async () => {
    await waitFor(
      async () => {
        await web.send('/counted/first');
        return names.every((of) => total('delivered', of) > 0);
      },
      { what: () => `the first reports\n${text()}`, limitMs: 60_000, everyMs: 500 },
    );
    await waitFor(settled, { what: text, limitMs: 60_000 });
    await send(0, 30);
    // Nobody confirms UDP: what is sent to nobody is not known to be lost.
    await waitFor(() => inStatsd() === total('delivered', 'statsd'), {
      what: () => `statsd: ${inStatsd()}`,
      limitMs: 60_000,
    });
    expect(names.map((of) => total('dropped', of))).toEqual(names.map(() => 0));
    await Promise.all([realKafka.kill(), realCollector.stop()]);
    await send(30, 30);
    for (const of of ['kafka', 'otlp', 'fluentd'] as const) expect(total('dropped', of)).toBe(30);
    await Promise.all([realKafka.restart(), realCollector.restart()]);
    const delivered = () => names.map((of) => total('delivered', of));
    const before = delivered();
    // Circuit breakers try again after a while.
    await waitFor(
      async () => {
        await web.send('/counted/again');
        return delivered().every((value, i) => value > (before[i] ?? 0));
      },
      { what: () => `the next reports\n${text()}`, limitMs: 90_000, everyMs: 500 },
    );
    await waitFor(settled, { what: text, limitMs: 60_000 });
    await send(60, 30);
    await waitFor(
      () => inOtlp() === total('delivered', 'otlp') && inFluentd().length === total('delivered', 'fluentd'),
      {
        what: () => `the collector: ${inOtlp()}, ${inFluentd().length} of ${delivered().join()}`,
        limitMs: 60_000,
      },
    );
    const messages = await inKafka();
    expect(messages.length).toBe(total('delivered', 'kafka'));
    const numbered = (paths: readonly (string | undefined)[]) =>
      paths.flatMap((path) => /^\/counted\/(\d+)$/.exec(path ?? '')?.[1] ?? []).map(Number);
    const wanted = Array.from({ length: 90 }, (_, i) => i).filter((i) => i < 30 || i >= 60);
    const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
    expect(sorted(numbered(messages.map(({ path }) => path)))).toEqual(wanted);
    expect(sorted(numbered(inFluentd().map(({ path }) => path)))).toEqual(wanted);
  }, 300_000);

  const skipped = noPrometheus === undefined ? '' : `: skipped, ${noPrometheus}`;
  it.skipIf(skipped !== '')(
    `a real Prometheus reads as much from Mixer as was delivered${skipped}`,
    async () => {
      const prometheus = await TestPrometheus.start(text);
      try {
        const read = async () => [
          await prometheus.value('sum(istio_counted_requests)'),
          await prometheus.value('count(istio_counted_requests{path=~"/counted/[0-9]+"})'),
          await prometheus.value('sum(mixer_handler_reports_delivered_total{handler="prometheus.default"})'),
        ];
        await waitFor(async () => (await read())[0] !== undefined, { what: 'the first scrape', limitMs: 60_000 });
        const delivered = total('delivered', 'prometheus');
        expect(await read()).toEqual([delivered, 90, delivered]);
      } finally {
        await prometheus.stop();
      }
    },
    90_000,
  );
});

function resources(topic: string): readonly object[] {
  const annotations = { 'policy.periplus.io/deadline': '3s' };
  const handler = (name: string, params: object) => ({
    apiVersion: 'config.istio.io/v1alpha2',
    kind: 'handler',
    metadata: { name, namespace: 'default', annotations },
    spec: { compiledAdapter: name, params },
  });
  const policy = (name: string, report: object) => ({
    apiVersion: 'policy.periplus.io/v1',
    kind: 'Policy',
    metadata: { name, namespace: 'default' },
    spec: { rules: [{ when: 'request.path.startsWith("/counted")', report }] },
  });
  const { otlpPort, fluentPort, statsdPort } = realCollector;
  const metrics = 'Policy/default/metrics[0]';
  const counted = { [metrics]: { nameTemplate: 'counted' } };
  return [
    handler('kafka', { brokers: [realKafka.address], topic }),
    handler('otlp', { endpoint: `http://127.0.0.1:${otlpPort}` }),
    handler('fluentd', { address: `127.0.0.1:${fluentPort}` }),
    handler('prometheus', {
      metrics: [{ name: 'counted_requests', instance_name: metrics, kind: 'COUNTER', label_names: ['path'] }],
    }),
    handler('statsd', { address: `127.0.0.1:${statsdPort}`, metrics: counted }),
    policy('metrics', {
      handlers: ['kafka', 'otlp', 'statsd', 'prometheus'],
      metric: { dimensions: { path: 'request.url_path' } },
    }),
    policy('logs', { handlers: ['fluentd'], log: { variables: { path: 'request.url_path' } } }),
  ];
}
