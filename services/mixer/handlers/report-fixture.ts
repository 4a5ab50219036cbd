// Instances and means for the tests of handlers that are told afterwards.
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { HandlerMeans, Instance } from './handler.ts';

/** What handlers are given in tests. */
export const testMeans: HandlerMeans = { name: 'test.default', clock: systemClock, logger: silentLogger };

/** A request counted. */
export const metricInstance: Instance = {
  template: 'metric',
  name: 'requestcount.default',
  fields: { value: 1, dimensions: { code: 200, path: 'a"b' }, monitored_resource_type: 'UNSPECIFIED' },
};

/** A request logged. */
export const logInstance: Instance = {
  template: 'logentry',
  name: 'accesslog.default',
  fields: {
    severity: 'info',
    timestamp: Date.UTC(2026, 10, 22, 12, 0, 0, 500),
    variables: { method: 'GET', code: 200, level: 'not Mixer’s' },
  },
};

/** A span. */
export const spanInstance: Instance = {
  template: 'tracespan',
  name: 'span.default',
  fields: {
    trace_id: '35af62c504031d7d01a9fed2c19b3565',
    span_id: '8da3694f2e0526bf',
    parent_span_id: '529f3433b907c662',
    span_name: '/reviews',
    start_time: 1_000.5,
    end_time: 2_000,
    span_tags: { 'http.method': 'GET' },
    client_span: true,
  },
};
