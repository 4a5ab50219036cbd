// The OTLP handler: metrics, logs and spans to an OpenTelemetry receiver, by OTLP/HTTP with protobuf (opentelemetry.io/docs/specs/otlp).
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ExportLogsServiceRequestSchema } from '../../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js';
import { ExportMetricsServiceRequestSchema } from '../../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js';
import { ExportTraceServiceRequestSchema } from '../../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js';
import type { KeyValueSchema } from '../../../gen/opentelemetry/proto/common/v1/common_pb.js';
import type { LogRecordSchema } from '../../../gen/opentelemetry/proto/logs/v1/logs_pb.js';
import { AggregationTemporality, type MetricSchema } from '../../../gen/opentelemetry/proto/metrics/v1/metrics_pb.js';
import type { SpanSchema } from '../../../gen/opentelemetry/proto/trace/v1/trace_pb.js';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { OtlpParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { mapOf, numberOf, textOf, timeMsOf } from './field-values.ts';
import type { FieldValue, Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';

/** OTLP's own default. */
const defaultEndpoint = 'http://localhost:4318';

/** See the file's first line. */
export const otlp: HandlerKind<OtlpParams> = {
  name: 'otlp',
  templates: ['metric', 'logentry', 'tracespan'],
  create: (params, means) => otlpHandler(params, means),
};

function otlpHandler({ endpoint = defaultEndpoint, headers = {} }: OtlpParams, means: HandlerMeans): Handler {
  const base = endpoint.replace(/\/$/, '');
  return {
    async report(batch, signal) {
      const nowMs = means.clock.nowMs();
      const of = (template: Instance['template']) => batch.filter((one) => one.template === template);
      const send = (path: string, body: Uint8Array | undefined) =>
        post({ url: `${base}${path}`, body, headers, signal });
      await Promise.all([
        send('/v1/metrics', metricsRequest(of('metric'), nowMs)),
        send('/v1/logs', logsRequest(of('logentry'), nowMs)),
        send('/v1/traces', spansRequest(of('tracespan'), nowMs)),
      ]);
    },
  };
}

async function post(options: {
  readonly url: string;
  readonly body: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { url, body, headers, signal } = options;
  if (body === undefined) return;
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-protobuf' },
    body: Buffer.from(body),
    signal,
    // Headers may hold a key: it goes to the receiver that was named, and nowhere else.
    redirect: 'error',
  });
  await response.arrayBuffer();
  if (!response.ok) throw new MeshError('unavailable', `${url} answered ${response.status}`);
}

const resource = { attributes: [{ key: 'service.name', value: text('periplus-mixer') }] };
const scope = { name: 'periplus.mixer' };

/** Each instance is one delta: the receiver adds up, so that a restart of Mixer loses nothing. */
function metricsRequest(instances: readonly Instance[], nowMs: number): Uint8Array | undefined {
  if (instances.length === 0) return undefined;
  const metrics = [...Map.groupBy(instances, ({ name }) => name)].map(
    ([name, own]): MessageInitShape<typeof MetricSchema> => ({
      name,
      data: {
        case: 'sum',
        value: {
          aggregationTemporality: AggregationTemporality.DELTA,
          isMonotonic: true,
          dataPoints: own.map(({ fields }) => ({
            startTimeUnixNano: nanos(nowMs),
            timeUnixNano: nanos(nowMs),
            value: { case: 'asDouble' as const, value: numberOf(fields.value) ?? 0 },
            attributes: attributes(mapOf(fields.dimensions)),
          })),
        },
      },
    }),
  );
  return encoded(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }],
  });
}

function logsRequest(instances: readonly Instance[], nowMs: number): Uint8Array | undefined {
  if (instances.length === 0) return undefined;
  const logRecords = instances.map(
    ({ name, fields }): MessageInitShape<typeof LogRecordSchema> => ({
      timeUnixNano: nanos(timeMsOf(fields.timestamp, nowMs)),
      observedTimeUnixNano: nanos(nowMs),
      severityText: textOf(fields.severity),
      body: text(name),
      attributes: attributes(mapOf(fields.variables)),
    }),
  );
  return encoded(ExportLogsServiceRequestSchema, { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] });
}

function spansRequest(instances: readonly Instance[], nowMs: number): Uint8Array | undefined {
  if (instances.length === 0) return undefined;
  const spans = instances.map(
    ({ name, fields }): MessageInitShape<typeof SpanSchema> => ({
      traceId: identifier(fields.trace_id, 16),
      spanId: identifier(fields.span_id, 8),
      ...(textOf(fields.parent_span_id) ? { parentSpanId: identifier(fields.parent_span_id, 8) } : {}),
      name: textOf(fields.span_name) || name,
      kind: fields.client_span === true ? spanKinds.client : spanKinds.server,
      startTimeUnixNano: nanos(timeMsOf(fields.start_time, nowMs)),
      endTimeUnixNano: nanos(timeMsOf(fields.end_time, nowMs)),
      attributes: attributes(mapOf(fields.span_tags)),
    }),
  );
  return encoded(ExportTraceServiceRequestSchema, { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] });
}

/** Span.SpanKind. */
const spanKinds = { server: 2, client: 3 } as const;

function encoded<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

/** Hexadecimal digits as bytes; shorter ids (B3's of 64 bits) are filled up on the left. */
function identifier(value: FieldValue | undefined, bytes: number): Uint8Array {
  const hex = textOf(value)
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, '');
  return Buffer.from(hex.padStart(bytes * 2, '0').slice(-bytes * 2), 'hex');
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;

function text(value: string) {
  return { value: { case: 'stringValue' as const, value } };
}

function attributes(map: Readonly<Record<string, FieldValue>>): MessageInitShape<typeof KeyValueSchema>[] {
  return Object.entries(map).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: FieldValue) {
  if (typeof value === 'boolean') return { value: { case: 'boolValue' as const, value } };
  if (Number.isSafeInteger(value)) return { value: { case: 'intValue' as const, value: BigInt(value as number) } };
  if (typeof value === 'number') return { value: { case: 'doubleValue' as const, value } };
  return text(textOf(value));
}
