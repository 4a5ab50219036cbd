// The parts of ProxyConfig (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig) that shape what proxies do with requests.
import {
  double,
  durationOrZero,
  flag,
  int32,
  map,
  object,
  oneOfNames,
  openObject,
  required,
  type Static,
  text,
  uint32,
} from './schema.ts';

const forwardClientCertDetails = oneOfNames(
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
);
const topologyFields = { numTrustedProxies: uint32, forwardClientCertDetails, proxyProtocol: object({}) } as const;
const gatewayTopology = object(topologyFields);
const proxyHeaders = openObject({
  forwardedClientCert: forwardClientCertDetails,
  setCurrentClientCertDetails: object({ subject: flag, cert: flag, chain: flag, dns: flag, uri: flag }),
  requestId: object({ disabled: flag }),
  attemptCount: object({ disabled: flag }),
  server: object({ disabled: flag, value: text }),
  envoyDebugHeaders: object({ disabled: flag }),
  metadataExchangeHeaders: object({ mode: oneOfNames('UNDEFINED', 'IN_MESH') }),
  xForwardedPort: object({ enabled: flag }),
  xForwardedHost: object({ enabled: flag }),
  preserveHttp1HeaderCase: flag,
});
const customTag = object({
  literal: object({ value: required(text) }),
  environment: object({ name: required(text), defaultValue: text }),
  header: object({ name: required(text), defaultValue: text }),
});
const proxyTracing = openObject({
  sampling: double,
  customTags: map(customTag),
  maxPathTagLength: uint32,
  enableIstioTags: flag,
  zipkin: openObject({ address: text }),
});
const connectionSettings = openObject({
  profile: oneOfNames('SIDECAR', 'EDGE'),
  listenerPerConnectionBufferLimitBytes: int32,
  httpIdleTimeout: durationOrZero,
  httpMaxConnectionDuration: durationOrZero,
  httpDrainTimeout: durationOrZero,
  httpRequestTimeout: durationOrZero,
  httpRequestHeadersTimeout: durationOrZero,
  httpStreamIdleTimeout: durationOrZero,
  httpMaxStreamDuration: durationOrZero,
  httpMaxConcurrentStreams: int32,
  http2InitialStreamWindowSize: int32,
  http2InitialConnectionWindowSize: int32,
  httpHeadersWithUnderscoresAction: oneOfNames(
    'HEADERS_WITH_UNDERSCORES_UNSPECIFIED',
    'HEADERS_WITH_UNDERSCORES_ALLOW',
    'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
    'HEADERS_WITH_UNDERSCORES_DROP_HEADER',
  ),
  httpMergeSlashes: flag,
  httpPathWithEscapedSlashesAction: oneOfNames(
    'PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED',
    'KEEP_UNCHANGED',
    'REJECT_REQUEST',
    'UNESCAPE_AND_REDIRECT',
    'UNESCAPE_AND_FORWARD',
  ),
});
const trafficFields = { gatewayTopology, proxyHeaders, tracing: proxyTracing, connectionSettings } as const;
/** Schema of a proxy's own word: the rest is for the agent that starts it. */
export const trafficConfigSchema = openObject(trafficFields);
/** Schema of the mesh's `defaultConfig`. */
export const defaultConfigSchema = openObject({ ...trafficFields, concurrency: int32, proxyMetadata: map(text) });

/** What of a ProxyConfig translation reads. */
export interface TrafficConfig extends Static<typeof trafficConfigSchema> {}

/** What stands between clients and the mesh's gateways. */
export interface GatewayTopology extends Static<typeof gatewayTopology> {}
/** Tracing where Telemetries say nothing of it. */
export interface ProxyTracing extends Static<typeof proxyTracing> {}
/** Limits and strictness of listeners for HTTP, and of gateways' listeners. */
export interface ConnectionSettings extends Static<typeof connectionSettings> {}
/** Headers that proxies add, keep and take away. */
export interface ProxyHeaders extends Static<typeof proxyHeaders> {}
