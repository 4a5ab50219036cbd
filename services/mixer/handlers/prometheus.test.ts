import { describe, expect, it } from 'vitest';
import { handlerContract } from './handler-contract.ts';
import { Exposition, type PrometheusHandler, prometheusKind } from './prometheus.ts';
import { metricInstance, testMeans } from './report-fixture.ts';

const params = {
  metrics: [
    {
      name: 'requests_total',
      instanceName: 'requestcount.metric.default',
      kind: 'COUNTER',
      labelNames: ['code', 'path'],
    },
    {
      name: 'took',
      instanceName: 'requestcount.default',
      kind: 'DISTRIBUTION',
      buckets: { explicitBuckets: { bounds: [0.5, 2] } },
    },
  ],
} as const;

/** A handler that shows itself, as the runner runs it. */
function shown(given: Parameters<ReturnType<typeof prometheusKind>['create']>[0] = params) {
  const exposition = new Exposition();
  const kind = prometheusKind(exposition);
  const handler = kind.create(given, testMeans);
  const stop = new AbortController();
  const running = handler.run?.(stop.signal);
  const close = async () => {
    stop.abort();
    await running;
  };
  return { exposition, kind, handler, close };
}

handlerContract('prometheus', async () => {
  const rest = shown();
  const delivered = async () =>
    Number(/^istio_requests_total\{.*\} (\d+)$/m.exec((rest.handler as PrometheusHandler).text())?.[1] ?? 0);
  return { ...rest, instances: [metricInstance], delivered };
});

describe('the prometheus handler', () => {
  const signal = new AbortController().signal;

  it('writes counters and cumulated buckets, labels escaped', async () => {
    const { handler, exposition, close } = shown();
    await handler.report?.(
      [metricInstance, { ...metricInstance, fields: { ...metricInstance.fields, value: 0.25 } }],
      signal,
    );
    expect(exposition.text()).toContain('istio_requests_total{code="200",path="a\\"b"} 1.25\n');
    expect(exposition.text()).toContain(
      'istio_took_bucket{le="0.5"} 1\nistio_took_bucket{le="2"} 2\nistio_took_bucket{le="+Inf"} 2\n',
    );
    await close();
    expect(exposition.text()).toBe('');
  });

  it('names series as Mixer did, and shows durations in seconds', async () => {
    const { handler, exposition, close } = shown({
      metrics: [
        { instanceName: 'requestcount.default', labelNames: ['response-code'] },
        { namespace: 'my-mesh', name: '/request.took in-all', instanceName: 'requestcount.default' },
      ],
    });
    const fields = { value: 1_500, dimensions: { 'response-code': 200 } };
    await handler.report?.([{ ...metricInstance, fields, valueType: 'DURATION' }], signal);
    expect(exposition.text()).toContain(
      '# HELP istio_requestcount_default requestcount.default\n# TYPE istio_requestcount_default counter\nistio_requestcount_default{responsecode="200"} 1.5\n',
    );
    expect(exposition.text()).toContain('mymesh_request_took_inall 1.5\n');
    await close();
  });

  it('given a dimension that somebody fills with junk, keeps a bounded number of series and counts the rest', async () => {
    const { handler, exposition, close } = shown({
      metrics: [{ name: 'n', instanceName: 'requestcount.default', labelNames: ['path'] }],
    });
    const junk = (i: number) => ({ ...metricInstance, fields: { value: 1, dimensions: { path: `/${i}` } } });
    await handler.report?.(
      Array.from({ length: 10_007 }, (_, i) => junk(i)),
      signal,
    );
    expect(
      exposition
        .text()
        .split('\n')
        .filter((line) => line.startsWith('istio_n{')),
    ).toHaveLength(10_000);
    expect(exposition.text()).toContain('mixer_prometheus_handler_series_dropped_total{handler="test.default"} 7\n');
    await close();
  });
});
