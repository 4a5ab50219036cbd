// MeshConfig.extensionProviders (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider): who authorizes, logs and traces.
import {
  duration,
  flag,
  int32,
  list,
  map,
  object,
  oneOfNames,
  openObject,
  required,
  type Static,
  struct,
  text,
  uint32,
} from './schema.ts';

const bodySchema = object({ maxRequestBytes: uint32, allowPartialMessage: flag, packAsBytes: flag });
const common = {
  service: required(text),
  port: required(uint32),
  timeout: duration,
  failOpen: flag,
  clearRouteCache: flag,
  statusOnError: text,
  includeRequestBodyInCheck: bodySchema,
} as const;
const httpSchema = object({
  ...common,
  pathPrefix: text,
  includeHeadersInCheck: list(text),
  includeRequestHeadersInCheck: list(text),
  includeAdditionalHeadersInCheck: map(text),
  headersToUpstreamOnAllow: list(text),
  headersToDownstreamOnDeny: list(text),
  headersToDownstreamOnAllow: list(text),
});
const grpcSchema = object(common);

const server = { service: required(text), port: required(uint32) } as const;
const fileLogSchema = object({
  path: text,
  logFormat: object({ text, labels: struct }),
  omitEmptyValues: flag,
});
const httpAlsSchema = object({
  ...server,
  logName: text,
  filterStateObjectsToLog: list(text),
  additionalRequestHeadersToLog: list(text),
  additionalResponseHeadersToLog: list(text),
  additionalResponseTrailersToLog: list(text),
});
const tcpAlsSchema = object({ ...server, logName: text, filterStateObjectsToLog: list(text) });
const otelAlsSchema = object({ ...server, logName: text, logFormat: object({ text, labels: struct }) });
const headersSchema = list(object({ name: required(text), value: text, envName: text }));
const httpServiceSchema = object({ path: text, timeout: duration, headers: headersSchema });
const openTelemetrySchema = object({
  ...server,
  maxTagLength: uint32,
  http: httpServiceSchema,
  resourceDetectors: object({ environment: object({}), dynatrace: object({}) }),
  dynatraceSampler: object({
    tenant: text,
    clusterId: int32,
    rootSpansPerMinute: uint32,
    httpService: object({ ...server, http: httpServiceSchema }),
  }),
  grpc: object({ timeout: duration, initialMetadata: headersSchema }),
  serviceAttributeEnrichment: oneOfNames('ISTIO_CANONICAL', 'OTEL_SEMANTIC_CONVENTIONS'),
});
const zipkinSchema = object({
  ...server,
  maxTagLength: uint32,
  enable64bitTraceId: flag,
  path: text,
  timeout: duration,
  headers: headersSchema,
  traceContextOption: oneOfNames('USE_B3', 'USE_B3_WITH_W3C_PROPAGATION'),
});
const skywalkingSchema = object({ ...server, accessToken: text });
const datadogSchema = object({ ...server, maxTagLength: uint32 });

/** Schema of one provider; Lightstep, Stackdriver and OpenCensus are accepted and have no effect. */
export const extensionProviderSchema = openObject({
  name: required(text),
  envoyExtAuthzHttp: httpSchema,
  envoyExtAuthzGrpc: grpcSchema,
  envoyFileAccessLog: fileLogSchema,
  envoyHttpAls: httpAlsSchema,
  envoyTcpAls: tcpAlsSchema,
  envoyOtelAls: otelAlsSchema,
  opentelemetry: openTelemetrySchema,
  zipkin: zipkinSchema,
  skywalking: skywalkingSchema,
  datadog: datadogSchema,
  prometheus: object({}),
});

/** A provider. */
export interface ExtensionProvider extends Static<typeof extensionProviderSchema> {}
/** An authorizer that is asked over HTTP. */
export interface ExtAuthzHttpProvider extends Static<typeof httpSchema> {}
/** An authorizer that is asked over gRPC. */
export interface ExtAuthzGrpcProvider extends Static<typeof grpcSchema> {}
/** An access log in a file of the proxy. */
export interface FileLogProvider extends Static<typeof fileLogSchema> {}
/** An access-log service for HTTP. */
export interface HttpAlsProvider extends Static<typeof httpAlsSchema> {}
/** An access-log service for TCP. */
export interface TcpAlsProvider extends Static<typeof tcpAlsSchema> {}
/** A receiver of OpenTelemetry's log records. */
export interface OtelAlsProvider extends Static<typeof otelAlsSchema> {}
/** A receiver of OpenTelemetry's spans. */
export interface OpenTelemetryProvider extends Static<typeof openTelemetrySchema> {}
/** A header that proxies send to a receiver; `envName` names a variable of the control plane's. */
export type ProviderHeader = Static<typeof headersSchema>[number];
/** Whether `envName` means a setting of the control plane's own, tokens among them: no business of those who may write the mesh configuration. */
export function isOwnVariable(envName: string): boolean {
  return envName.toUpperCase().startsWith('PERIPLUS_');
}
/** Where and how a receiver is reached over HTTP. */
export interface ProviderHttpService extends Static<typeof httpServiceSchema> {}
/** A receiver of Zipkin's spans. */
export interface ZipkinProvider extends Static<typeof zipkinSchema> {}
