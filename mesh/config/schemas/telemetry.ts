// Telemetry (istio.io/latest/docs/reference/config/telemetry): schema and types.
import { matchLabelsSelectorSchema, targetRefSchema } from './destination.ts';
import { double, duration, flag, list, map, object, oneOfNames, required, type Static, text } from './schema.ts';

const mode = oneOfNames('CLIENT_AND_SERVER', 'CLIENT', 'SERVER');
const providers = list(object({ name: required(text) }));
const customTag = object({
  literal: object({ value: required(text) }),
  environment: object({ name: required(text), defaultValue: text }),
  header: object({ name: required(text), defaultValue: text }),
  formatter: object({ value: required(text) }),
});
const tracing = object({
  match: object({ mode }),
  providers,
  randomSamplingPercentage: double,
  disableSpanReporting: flag,
  customTags: map(customTag),
  useRequestIdForTraceSampling: flag,
  enableIstioTags: flag,
  disableContextPropagation: flag,
});
const metric = oneOfNames(
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
);
const metricsOverrides = object({
  match: object({ metric, customMetric: text, mode }),
  disabled: flag,
  tagOverrides: map(object({ operation: oneOfNames('UPSERT', 'REMOVE'), value: text })),
});
const metrics = object({ providers, overrides: list(metricsOverrides), reportingInterval: duration });
const accessLogging = object({
  match: object({ mode }),
  providers,
  disabled: flag,
  filter: object({ expression: text }),
});
/** Schema of a Telemetry's spec. */
export const telemetrySchema = object({
  selector: matchLabelsSelectorSchema,
  targetRef: targetRefSchema,
  targetRefs: list(targetRefSchema),
  tracing: list(tracing),
  metrics: list(metrics),
  accessLogging: list(accessLogging),
});

/** What proxies report, and to whom. */
export interface TelemetrySpec extends Static<typeof telemetrySchema> {}
/** Trace reporting. */
export interface Tracing extends Static<typeof tracing> {}
/** Metrics and their tags. */
export interface Metrics extends Static<typeof metrics> {}
/** Access logging; `filter.expression` is CEL. */
export interface AccessLogging extends Static<typeof accessLogging> {}
