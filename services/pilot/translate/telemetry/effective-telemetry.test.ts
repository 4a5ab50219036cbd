// What Telemetries of mesh, namespace and workload add up to.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import {
  accessLogChoices,
  metricChoices,
  metricProviders,
  reportingIntervalMs,
  tracingChoice,
} from './effective-telemetry.ts';
import { celFormat } from './stats-loggers.ts';

const mesh = defaultMeshConfig;
const logsTo = (...names: string[]): TelemetrySpec => ({
  accessLogging: [{ providers: names.map((name) => ({ name })) }],
});

describe('access logging', () => {
  it('is the mesh’s file where no Telemetry speaks of it', () => {
    expect(accessLogChoices([{}], 'CLIENT', mesh)).toBeUndefined();
  });

  it('goes to the narrowest level’s providers, and inherits them where it names none', () => {
    const filtered: TelemetrySpec = { accessLogging: [{ filter: { expression: 'response.code >= 500' } }] };
    expect(accessLogChoices([logsTo('a'), logsTo('b')], 'CLIENT', mesh)).toEqual([
      { provider: 'b', filter: undefined },
    ]);
    expect(accessLogChoices([logsTo('a'), filtered], 'CLIENT', mesh)).toEqual([
      { provider: 'a', filter: 'response.code >= 500' },
    ]);
  });

  it('can be switched off below, for one side alone', () => {
    const off: TelemetrySpec = { accessLogging: [{ disabled: true, match: { mode: 'SERVER' } }] };
    expect(accessLogChoices([logsTo('a'), off], 'SERVER', mesh)).toEqual([]);
    expect(accessLogChoices([logsTo('a'), off], 'CLIENT', mesh)).toHaveLength(1);
  });
});

describe('metrics', () => {
  it('merge overrides from wide to narrow: a later one turns a metric on again, tags add up', () => {
    const wide: TelemetrySpec = {
      metrics: [{ overrides: [{ disabled: true, tagOverrides: { a: { value: '"1"' }, b: { operation: 'REMOVE' } } }] }],
    };
    const narrow: TelemetrySpec = {
      metrics: [
        { overrides: [{ match: { metric: 'REQUEST_COUNT' }, disabled: false, tagOverrides: { b: { value: '"2"' } } }] },
      ],
    };
    const choices = metricChoices([wide, narrow], 'CLIENT');
    expect(choices.get('REQUEST_SIZE')?.isDisabled).toBe(true);
    expect(choices.get('REQUEST_COUNT')).toEqual({
      isDisabled: false,
      tags: new Map([
        ['a', '"1"'],
        ['b', '"2"'],
      ]),
    });
  });

  it('go to Prometheus unless providers are named', () => {
    expect(metricProviders([{}], mesh)).toEqual(['prometheus']);
    expect(metricProviders([{ metrics: [{ providers: [{ name: 'other' }] }] }, {}], mesh)).toEqual(['other']);
  });

  it('write a literal as it is, and have Envoy evaluate anything else', () => {
    expect(celFormat('"istio"')).toBe('istio');
    expect(celFormat('request.host')).toBe('%CEL(request.host)%');
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

  it('reports open connections every five seconds, or as often as the narrowest level says', () => {
    const every = (reportingInterval: string) => ({ metrics: [{ reportingInterval }] });
    expect(reportingIntervalMs([])).toBe(5_000);
    expect(reportingIntervalMs([every('15s'), { metrics: [{}] }])).toBe(15_000);
    expect(reportingIntervalMs([every('15s'), every('1s')])).toBe(1_000);
    expect(reportingIntervalMs([every('1ms')])).toBe(100);
  });
});
