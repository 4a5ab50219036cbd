// What Telemetries of mesh, namespace and workload add up to.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import { accessLogChoices } from './effective-access-logs.ts';
import { metricChoices, metricsFor, prometheusProvider, reportingIntervalMs } from './effective-metrics.ts';
import { tracingChoice } from './effective-telemetry.ts';
import { celFormat } from './stats-loggers.ts';

const mesh = defaultMeshConfig;
const to = (...names: string[]) => ({ providers: names.map((name) => ({ name })) });
const logsTo = (...names: string[]): TelemetrySpec => ({ accessLogging: [to(...names)] });
const chosen = (specs: readonly TelemetrySpec[], side: 'CLIENT' | 'SERVER' = 'CLIENT', config = mesh) =>
  accessLogChoices(specs, side, config).map(
    ({ provider, filter, isDisabled }) => `${isDisabled ? 'not ' : ''}${provider}${filter ? ` if ${filter}` : ''}`,
  );

describe('access logging', () => {
  it('has no providers where neither a Telemetry nor the mesh names one', () => {
    expect(chosen([{}])).toEqual([]);
    expect(chosen([{ accessLogging: [{ disabled: true }] }])).toEqual([]);
    expect(chosen([{}], 'CLIENT', { ...mesh, defaultProviders: { accessLogging: ['b', 'a'] } })).toEqual(['a', 'b']);
  });

  it('goes to the narrowest level’s providers, and inherits them where it names none', () => {
    expect(chosen([logsTo('a'), logsTo('b')])).toEqual(['b']);
    expect(chosen([logsTo('a'), { accessLogging: [{}] }])).toEqual(['a']);
  });

  it('is filtered by the entry that names the provider, as in Istio', () => {
    const filter = { expression: 'response.code >= 500' };
    expect(chosen([{ accessLogging: [{ ...to('a'), filter }] }])).toEqual(['a if response.code >= 500']);
    expect(chosen([logsTo('a'), { accessLogging: [{ filter }] }])).toEqual(['a']);
  });

  it('can be switched off below, for one side alone', () => {
    const off: TelemetrySpec = { accessLogging: [{ disabled: true, match: { mode: 'SERVER' } }] };
    expect(chosen([logsTo('a'), off], 'SERVER')).toEqual(['not a']);
    expect(chosen([logsTo('a'), off])).toEqual(['a']);
  });

  it('finds providers without regard to case', () => {
    const config = { ...mesh, extensionProviders: [{ name: 'Otel' }] };
    expect(chosen([logsTo('otel', 'ENVOY')], 'CLIENT', config)).toEqual(['Otel', 'envoy']);
  });
});

type Overrides = NonNullable<NonNullable<TelemetrySpec['metrics']>[number]['overrides']>;
const metricsOf = (...levels: Overrides[]) =>
  metricChoices(
    levels.map((overrides) => ({ overrides })),
    'CLIENT',
  );

describe('metrics', () => {
  const tags = { tagOverrides: { a: { value: '"1"' }, b: { operation: 'REMOVE' as const } } };

  it('merge overrides from wide to narrow: tags add up', () => {
    const narrow = { match: { metric: 'REQUEST_COUNT' as const }, tagOverrides: { b: { value: '"2"' } } };
    const choices = metricsOf([tags], [narrow]);
    expect(choices.get('REQUEST_SIZE')?.tags.get('b')).toBeUndefined();
    expect(choices.get('REQUEST_COUNT')).toEqual({
      isDisabled: false,
      tags: new Map(Object.entries({ a: '"1"', b: '"2"' })),
    });
  });

  it('are all off until any later override, as in Istio', () => {
    const count = { match: { metric: 'REQUEST_COUNT' as const }, disabled: false };
    expect(metricsOf([{ disabled: true }]).get('REQUEST_SIZE')?.isDisabled).toBe(true);
    expect(metricsOf([{ disabled: true }], [count]).get('REQUEST_SIZE')?.isDisabled).toBeUndefined();
    expect(metricsOf([{ ...count, disabled: true }]).get('REQUEST_COUNT')?.isDisabled).toBe(true);
  });

  it('go to Prometheus unless the last providers that are named are others', () => {
    expect(prometheusProvider([{}], mesh)).toBe('prometheus');
    expect(prometheusProvider([{ metrics: [to('other')] }, {}], mesh)).toBeUndefined();
    expect(prometheusProvider([{ metrics: [to('other'), to('Prometheus')] }], mesh)).toBe('prometheus');
  });

  it('take the overrides of entries for their provider alone', () => {
    const specs: TelemetrySpec[] = [
      { metrics: [{ overrides: [tags] }, { ...to('other'), overrides: [{ disabled: true }] }, { overrides: [tags] }] },
    ];
    expect(metricsFor('prometheus', specs, mesh)).toHaveLength(1);
  });

  it('write a literal as it is, and have Envoy evaluate anything else', () => {
    expect(celFormat('"istio"')).toBe('istio');
    expect(celFormat('request.host')).toBe('%CEL(request.host)%');
  });

  it('report open connections every five seconds, or as often as the narrowest level says', () => {
    const every = (reportingInterval: string) => ({ reportingInterval });
    expect(reportingIntervalMs([])).toBe(5_000);
    expect(reportingIntervalMs([every('15s'), {}])).toBe(15_000);
    expect(reportingIntervalMs([every('15s'), every('1s')])).toBe(1_000);
    expect(reportingIntervalMs([every('1ms')])).toBe(100);
  });
});

describe('tracing', () => {
  it('merges field by field, and takes the narrowest provider', () => {
    const wide: TelemetrySpec = { tracing: [{ providers: [{ name: 'a' }], randomSamplingPercentage: 10 }] };
    const narrow: TelemetrySpec = { tracing: [{ disableSpanReporting: true }] };
    expect(tracingChoice([wide, narrow], 'CLIENT', mesh)).toEqual({
      provider: 'a',
      randomSamplingPercentage: 10,
      disableSpanReporting: true,
    });
    expect(tracingChoice([narrow], 'CLIENT', mesh)).toBeUndefined();
  });

  it('is the ProxyConfig’s where nothing else speaks of it', () => {
    const zipkin = { ...mesh, tracing: { zipkin: { address: 'zipkin.istio-system:9411' }, enableIstioTags: false } };
    expect(tracingChoice([{}], 'CLIENT', zipkin)).toMatchObject({ enableIstioTags: false });
    expect(tracingChoice([{}], 'CLIENT', { ...zipkin, enableTracing: false })).toBeUndefined();
    expect(tracingChoice([{ tracing: [{ randomSamplingPercentage: 1 }] }], 'CLIENT', zipkin)).toBeUndefined();
    expect(tracingChoice([{ tracing: [to('a')] }], 'CLIENT', zipkin)?.provider).toBe('a');
  });

  it('takes all entries of a Telemetry, each for its side', () => {
    const both: TelemetrySpec = {
      tracing: [
        { ...to('a'), match: { mode: 'CLIENT' } },
        { ...to('a'), match: { mode: 'SERVER' }, randomSamplingPercentage: 0 },
      ],
    };
    expect(tracingChoice([both], 'CLIENT', mesh)).toEqual({ provider: 'a' });
    expect(tracingChoice([both], 'SERVER', mesh)).toEqual({ provider: 'a', randomSamplingPercentage: 0 });
  });
});
