// An entry of Envoy's HTTP access log as attributes, each read when an expression asks for it.
import { RequestMethod } from '../../../gen/envoy/config/core/v3/base_pb.js';
import type { AccessLogCommon, HTTPAccessLogEntry } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { type Attributes, type AttributeValue, attributesBy } from '../../../mesh/policy/attributes.ts';
import type { Denial } from '../../../mesh/policy/rules.ts';
import { knownAttributes, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { type CheckedRequest, outcomeAttribute } from '../check/check-outcome.ts';
import { spanMs, timeMs } from '../check/envoy-time.ts';
import { apiAttribute, type HttpHead, httpAttribute, protocolOf } from '../check/http-attributes.ts';
import { sourceAttribute } from '../check/source-workload.ts';
import { tokenAttribute } from '../check/token-attributes.ts';
import { connectionAttribute, sourceOf } from './connection-attributes.ts';

/** What attributes are made of. */
export interface LogEntryContext {
  readonly entry: HTTPAccessLogEntry;
  readonly facts: WorkloadFacts;
  /** For who is behind the source address; undefined: not known. */
  readonly registry: RegistryView | undefined;
  readonly nowMs: number;
  /** What a rule refuses with, by its id. */
  readonly denialOf?: (rule: string) => Denial | undefined;
}

/** The attributes of one request that has ended. */
export function logEntryAttributes(context: LogEntryContext): Attributes {
  const { entry, facts } = context;
  const known = knownAttributes(facts);
  const head = headOf(entry, facts);
  const responseHeaders = { ...entry.response?.responseHeaders, ...entry.response?.responseTrailers };
  return attributesBy((name) => {
    if (known.has(name)) return known.get(name);
    if (name.startsWith('request.auth.')) return tokenAttribute(name, entry.commonProperties?.metadata);
    if (name.startsWith('request.')) return requestAttribute(name, entry, head);
    if (name.startsWith('response.')) return responseAttribute(name, entry, responseHeaders);
    if (name.startsWith('source.')) return sourceAttribute(name, sourceOf(entry.commonProperties, context.registry));
    if (name.startsWith('check.') || name.startsWith('quota.')) return outcomeAttribute(name, checkedOf(context));
    return otherAttribute(name, context, head);
  });
}

function checkedOf({ entry, denialOf = () => undefined }: LogEntryContext): CheckedRequest {
  const { commonProperties, response } = entry;
  return { metadata: commonProperties?.metadata, details: response?.responseCodeDetails ?? '', denialOf };
}

/** Headers that Envoy tells in fields of their own stand beside those that Pilot asked for. */
function headOf({ request }: HTTPAccessLogEntry, { isGateway }: WorkloadFacts): HttpHead {
  const { requestMethod = 0, scheme = '', authority = '', path = '', originalPath = '' } = request ?? {};
  const own = {
    'user-agent': request?.userAgent,
    referer: request?.referer,
    'x-forwarded-for': request?.forwardedFor,
    'x-request-id': request?.requestId,
  };
  return {
    method: requestMethod === RequestMethod.METHOD_UNSPECIFIED ? '' : (RequestMethod[requestMethod] ?? ''),
    scheme,
    host: authority,
    // Only gateways' routes rewrite paths; elsewhere the original path would be a client's own header.
    path: (isGateway && originalPath) || path,
    headers: {
      ...Object.fromEntries(Object.entries(own).filter(([, value]) => value)),
      ...request?.requestHeaders,
    } as Readonly<Record<string, string>>,
  };
}

function requestAttribute(name: string, entry: HTTPAccessLogEntry, head: HttpHead): AttributeValue | undefined {
  const { requestBodyBytes = 0n, requestHeadersBytes = 0n } = entry.request ?? {};
  switch (name) {
    case 'request.size':
      return Number(requestBodyBytes);
    case 'request.total_size':
      return Number(requestBodyBytes + requestHeadersBytes);
    case 'request.time':
      return timeMs(entry.commonProperties?.startTime);
    default:
      return httpAttribute(name, head);
  }
}

function responseAttribute(
  name: string,
  { response, commonProperties }: HTTPAccessLogEntry,
  headers: Readonly<Record<string, string>>,
): AttributeValue | undefined {
  const { responseBodyBytes = 0n, responseHeadersBytes = 0n, responseCode } = response ?? {};
  const startMs = timeMs(commonProperties?.startTime);
  const durationMs = durationOf(commonProperties);
  switch (name) {
    case 'response.code':
      return responseCode;
    case 'response.size':
      return Number(responseBodyBytes);
    case 'response.total_size':
      return Number(responseBodyBytes + responseHeadersBytes);
    case 'response.duration':
      return durationMs;
    case 'response.time':
      return startMs === undefined || durationMs === undefined ? undefined : startMs + durationMs;
    case 'response.headers':
      return headers;
    case 'response.grpc_status':
      return headers['grpc-status'];
    case 'response.grpc_message':
      return headers['grpc-message'];
    default:
      return undefined;
  }
}

/** Until the last byte was sent; a request that ended before has lasted until its end. */
function durationOf(common: AccessLogCommon | undefined): number | undefined {
  return spanMs(common?.timeToLastDownstreamTxByte) ?? spanMs(common?.duration);
}

function otherAttribute(
  name: string,
  { entry: { commonProperties: common }, facts, nowMs }: LogEntryContext,
  head: HttpHead,
): AttributeValue | undefined {
  if (name === 'context.protocol') return protocolOf(head.headers);
  if (name.startsWith('api.')) return apiAttribute(name, head);
  return connectionAttribute(name, { common, facts, nowMs });
}
