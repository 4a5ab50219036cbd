// A small real OTLP receiver (opentelemetry.io/docs/specs/otlp): takes spans, log records and metrics by gRPC and HTTP, and keeps them.
import { createServer, type Server as HttpServer } from 'node:http';
import { type DescMessage, fromBinary, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { type Metadata, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ExportLogsServiceRequestSchema } from '../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js';
import { ExportMetricsServiceRequestSchema } from '../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js';
import { ExportTraceServiceRequestSchema } from '../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js';
import type { AnyValue, KeyValue } from '../../gen/opentelemetry/proto/common/v1/common_pb.js';
import type { LogRecord } from '../../gen/opentelemetry/proto/logs/v1/logs_pb.js';
import type { Metric } from '../../gen/opentelemetry/proto/metrics/v1/metrics_pb.js';
import type { Span } from '../../gen/opentelemetry/proto/trace/v1/trace_pb.js';

/** A span with its service's name. */
export interface ReceivedSpan {
  /** `service.name` of its resource. */
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A call as it came; of gRPC its metadata are the headers. */
export interface ReceivedCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** See the file's first line. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: LogRecord[] = [];
  readonly metrics: Metric[] = [];
  /** Calls of any path, those that were refused too. */
  readonly calls: ReceivedCall[] = [];
  /** Answers 503 from now on, as a broken receiver does. */
  broken = false;
  #grpc: Server | undefined;
  #http: HttpServer | undefined;

  /** Listens with gRPC on a free port of 127.0.0.1, which it resolves with. */
  startGrpc(port = 0): Promise<number> {
    const server = new Server();
    this.#grpc = server;
    server.addService(exportService('trace', 'Trace'), this.#exporter(ExportTraceServiceRequestSchema));
    server.addService(exportService('logs', 'Logs'), this.#exporter(ExportLogsServiceRequestSchema));
    server.addService(exportService('metrics', 'Metrics'), this.#exporter(ExportMetricsServiceRequestSchema));
    return new Promise((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  }

  /** Listens for `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, in protobuf or JSON, on a free port of 127.0.0.1. */
  startHttp(port = 0): Promise<number> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      this.calls.push({ path: request.url ?? '', headers: request.headers });
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const schema = this.broken ? undefined : schemas.get(request.url ?? '');
        if (schema === undefined) return response.writeHead(503).end();
        const body = Buffer.concat(chunks);
        const isJson = request.headers['content-type'] === 'application/json';
        const json = () => JSON.parse(body.toString()) as JsonValue;
        this.#keep(isJson ? fromJson(schema, json(), { ignoreUnknownFields: true }) : fromBinary(schema, body));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    this.#http = server;
    return new Promise((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  }

  stop(): void {
    this.#grpc?.forceShutdown();
    this.#http?.closeAllConnections();
    this.#http?.close();
  }

  #exporter(schema: Schema) {
    return {
      Export: (call: ExportCall, done: (error: Error | null, answer?: Buffer) => void) => {
        this.calls.push({ path: schema.typeName, headers: call.metadata.getMap() });
        if (this.broken) return done(new Error('broken'));
        this.#keep(fromBinary(schema, call.request));
        done(null, Buffer.alloc(0));
      },
    };
  }

  #keep(message: MessageShape<Schema>): void {
    switch (message.$typeName) {
      case 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest':
        for (const { resource, scopeSpans } of message.resourceSpans) {
          this.spans.push(
            ...scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(textOf(resource?.attributes ?? []), span))),
          );
        }
        return;
      case 'opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest':
        this.logs.push(...message.resourceLogs.flatMap((one) => one.scopeLogs.flatMap(({ logRecords }) => logRecords)));
        return;
      case 'opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest':
        this.metrics.push(...message.resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((s) => s.metrics)));
    }
  }
}

interface ExportCall {
  readonly request: Buffer;
  readonly metadata: Metadata;
}

type Schema =
  | typeof ExportTraceServiceRequestSchema
  | typeof ExportLogsServiceRequestSchema
  | typeof ExportMetricsServiceRequestSchema;

const schemas: ReadonlyMap<string, Schema & DescMessage> = new Map<string, Schema>([
  ['/v1/traces', ExportTraceServiceRequestSchema],
  ['/v1/logs', ExportLogsServiceRequestSchema],
  ['/v1/metrics', ExportMetricsServiceRequestSchema],
]);

function spanOf(resource: Readonly<Record<string, string>>, span: Span): ReceivedSpan {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return {
    service: resource['service.name'] ?? '',
    resource,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    name: span.name,
    kind: span.kind,
    attributes: textOf(span.attributes),
  };
}

/** Attributes as texts. */
export function textOf(attributes: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, anyText(value)]));
}

function anyText(value: AnyValue | undefined): string {
  const kind = value?.value;
  return kind?.case === 'stringValue' ? kind.value : kind?.case === 'intValue' ? kind.value.toString() : '';
}

function exportService(signal: string, name: string): ServiceDefinition {
  const bytes = (buffer: Buffer) => buffer;
  return {
    Export: {
      path: `/opentelemetry.proto.collector.${signal}.v1.${name}Service/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  };
}
