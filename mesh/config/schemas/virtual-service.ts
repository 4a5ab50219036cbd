// VirtualService (istio.io/latest/docs/reference/config/networking/virtual-service): schema and types.
import { destinationSchema } from './destination.ts';
import {
  base64,
  double,
  duration,
  flag,
  int32,
  list,
  map,
  object,
  oneOfNames,
  required,
  type Static,
  text,
  uint32,
} from './schema.ts';

const stringMatch = object({ exact: text, prefix: text, regex: text });
const percent = object({ value: double });
const headerOperations = object({ set: map(text), add: map(text), remove: list(text) });
const headers = object({ request: headerOperations, response: headerOperations });

const httpMatchRequest = object({
  name: text,
  uri: stringMatch,
  scheme: stringMatch,
  method: stringMatch,
  authority: stringMatch,
  headers: map(stringMatch),
  withoutHeaders: map(stringMatch),
  queryParams: map(stringMatch),
  ignoreUriCase: flag,
  port: uint32,
  sourceLabels: map(text),
  sourceNamespace: text,
  gateways: list(text),
  statPrefix: text,
});
const httpRouteDestination = object({ destination: required(destinationSchema), weight: int32, headers });
const httpRedirect = object({
  uri: text,
  authority: text,
  port: uint32,
  derivePort: oneOfNames('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
  scheme: text,
  redirectCode: uint32,
  prefixRewrite: text,
});
const httpBody = object({ string: text, bytes: base64 });
const httpDirectResponse = object({ status: required(uint32), body: httpBody });
const delegate = object({ name: text, namespace: text });
const httpRewrite = object({
  uri: text,
  authority: text,
  uriRegexRewrite: object({ match: text, rewrite: text }),
});
/** Schema of `HTTPRetry`; MeshConfig has it too. */
export const httpRetrySchema = object({
  attempts: int32,
  perTryTimeout: duration,
  retryOn: text,
  retryRemoteLocalities: flag,
  retryIgnorePreviousHosts: flag,
  backoff: duration,
});
const faultDelay = object({ percent: int32, percentage: percent, fixedDelay: duration, exponentialDelay: duration });
const faultAbort = object({ httpStatus: int32, grpcStatus: text, http2Error: text, percentage: percent });
const httpFaultInjection = object({ delay: faultDelay, abort: faultAbort });
const httpMirrorPolicy = object({ destination: required(destinationSchema), percentage: percent });
const corsPolicy = object({
  allowOrigin: list(text),
  allowOrigins: list(stringMatch),
  allowMethods: list(text),
  allowHeaders: list(text),
  exposeHeaders: list(text),
  maxAge: duration,
  allowCredentials: flag,
  unmatchedPreflights: oneOfNames('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});
const httpRoute = object(
  {
    name: text,
    match: list(httpMatchRequest),
    route: list(httpRouteDestination),
    redirect: httpRedirect,
    directResponse: httpDirectResponse,
    delegate,
    rewrite: httpRewrite,
    timeout: duration,
    retries: httpRetrySchema,
    fault: httpFaultInjection,
    mirror: destinationSchema,
    mirrors: list(httpMirrorPolicy),
    mirrorPercent: uint32,
    mirrorPercentage: percent,
    corsPolicy,
    headers,
  },
  { mirror_percent: 'mirrorPercent' },
);
const routeDestination = object({ destination: required(destinationSchema), weight: int32 });
const l4MatchAttributes = object({
  destinationSubnets: list(text),
  port: uint32,
  sourceSubnet: text,
  sourceLabels: map(text),
  sourceNamespace: text,
  gateways: list(text),
});
const tlsMatchAttributes = object({
  sniHosts: required(list(text)),
  destinationSubnets: list(text),
  port: uint32,
  sourceLabels: map(text),
  sourceNamespace: text,
  gateways: list(text),
});
const tcpRoute = object({ match: list(l4MatchAttributes), route: list(routeDestination) });
const tlsRoute = object({ match: required(list(tlsMatchAttributes)), route: list(routeDestination) });

/** Schema of a VirtualService's spec. */
export const virtualServiceSchema = object({
  hosts: list(text),
  gateways: list(text),
  http: list(httpRoute),
  tls: list(tlsRoute),
  tcp: list(tcpRoute),
  exportTo: list(text),
});

/** Routing rules for hosts. `hosts` is absent in delegates only. */
export interface VirtualServiceSpec extends Static<typeof virtualServiceSchema> {}
/** One rule: the first whose match holds is taken. */
export interface HTTPRoute extends Static<typeof httpRoute> {}
/** All fields that are set must hold. */
export interface HTTPMatchRequest extends Static<typeof httpMatchRequest> {}
/** One of exact, prefix, regex (RE2); none: present. */
export interface StringMatch extends Static<typeof stringMatch> {}
/** A weighted destination; weights are relative. */
export interface HTTPRouteDestination extends Static<typeof httpRouteDestination> {}
/** Answers with a redirect. */
export interface HTTPRedirect extends Static<typeof httpRedirect> {}
/** Answers with a fixed response. */
export interface HTTPDirectResponse extends Static<typeof httpDirectResponse> {}
/** Another VirtualService that holds the routes. */
export interface Delegate extends Static<typeof delegate> {}
/** Changes path and authority before the request goes out. */
export interface HTTPRewrite extends Static<typeof httpRewrite> {}
/** Retry policy; durations as text. */
export interface HTTPRetry extends Static<typeof httpRetrySchema> {}
/** Delays and aborts injected. */
export interface HTTPFaultInjection extends Static<typeof httpFaultInjection> {}
/** See HTTPFaultInjection. */
export interface FaultDelay extends Static<typeof faultDelay> {}
/** See HTTPFaultInjection. */
export interface FaultAbort extends Static<typeof faultAbort> {}
/** A copy of each request goes there too. */
export interface HTTPMirrorPolicy extends Static<typeof httpMirrorPolicy> {}
/** Cross-origin resource sharing. */
export interface CorsPolicy extends Static<typeof corsPolicy> {}
/** Header changes of requests and responses. */
export interface Headers extends Static<typeof headers> {}
/** set replaces, add appends, remove removes. */
export interface HeaderOperations extends Static<typeof headerOperations> {}
/** 0 to 100. */
export interface Percent extends Static<typeof percent> {}
/** A TCP rule. */
export interface TCPRoute extends Static<typeof tcpRoute> {}
/** A TLS passthrough rule. */
export interface TLSRoute extends Static<typeof tlsRoute> {}
/** Weighted destination of a TCP or TLS rule. */
export interface RouteDestination extends Static<typeof routeDestination> {}
/** Match of a TCP rule. */
export interface L4MatchAttributes extends Static<typeof l4MatchAttributes> {}
/** Match of a TLS rule. */
export interface TLSMatchAttributes extends Static<typeof tlsMatchAttributes> {}
/** A service (and subset of it) that traffic is sent to. */
export type { Destination, PortSelector } from './destination.ts';
