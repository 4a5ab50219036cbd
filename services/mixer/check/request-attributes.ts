// Envoy's CheckRequest as attributes, each read when an expression asks for it: nothing is looked up anywhere else.
import type { CheckRequest } from '../../../gen/envoy/service/auth/v3/external_auth_pb.js';
import type { Attributes, AttributeValue } from '../../../mesh/policy/attributes.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import { knownAttributes, serviceOf, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { sourceAttribute } from './source-workload.ts';
import { tokenAttribute } from './token-attributes.ts';

/** What attributes are made of. */
export interface RequestContext {
  readonly request: CheckRequest;
  readonly facts: WorkloadFacts;
  /** For who is behind the source address; undefined: not known. */
  readonly registry: RegistryView | undefined;
  readonly nowMs: number;
}

/** The attributes of one check. */
export function requestAttributes(context: RequestContext): Attributes {
  const http = context.request.attributes?.request?.http;
  const known = knownAttributes(context.facts);
  const get = (name: string): AttributeValue | undefined => {
    if (known.has(name)) return known.get(name);
    if (name.startsWith('request.auth.')) return tokenAttribute(name, context.request);
    if (name.startsWith('request.')) return requestAttribute(name, context);
    if (name.startsWith('source.')) return peerAttribute(name, context) ?? sourceAttribute(name, context);
    return otherAttribute(name, context);
  };
  return {
    get,
    entry: (name, key) => {
      // By far the most frequent: without making a map of it first.
      const map = name === 'request.headers' ? http?.headers : get(name);
      return typeof map === 'object' && Object.hasOwn(map, key) ? map[key] : undefined;
    },
  };
}

/** Empty texts are what protobuf has for absent ones. */
const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function requestAttribute(name: string, { request }: RequestContext): AttributeValue | undefined {
  const http = request.attributes?.request?.http;
  if (http === undefined) return undefined;
  const path = given(http.path);
  switch (name) {
    case 'request.headers':
      return http.headers;
    case 'request.path':
      return path;
    case 'request.url_path':
      return path?.split('?')[0];
    case 'request.query_params':
      return path === undefined ? undefined : queryOf(path);
    case 'request.method':
      return given(http.method);
    case 'request.host':
      return given(http.host);
    case 'request.scheme':
      return given(http.scheme);
    case 'request.useragent':
      return http.headers['user-agent'];
    case 'request.referer':
      return http.headers.referer;
    case 'request.id':
      return http.headers['x-request-id'];
    case 'request.api_key':
      return http.headers['x-api-key'] ?? apiKeyIn(path);
    case 'request.size':
      return http.size < 0n ? undefined : Number(http.size);
    case 'request.time':
      return timeOf(request);
    default:
      return undefined;
  }
}

function queryOf(path: string): Readonly<Record<string, string>> {
  const query = path.indexOf('?');
  const values: Record<string, string> = Object.create(null);
  // The first of several, as Mixer's client had it.
  if (query >= 0) for (const [key, value] of new URLSearchParams(path.slice(query + 1))) values[key] ??= value;
  return values;
}

/** Where Mixer's client looked by default (HTTPAPISpec): the query's `key`, then `api_key`. */
function apiKeyIn(path: string | undefined): string | undefined {
  const query = path === undefined ? {} : queryOf(path);
  return query.key ?? query.api_key;
}

function timeOf(request: CheckRequest): number | undefined {
  const time = request.attributes?.request?.time;
  return time === undefined ? undefined : Number(time.seconds) * 1_000 + time.nanos / 1e6;
}

const spiffeScheme = 'spiffe://';

function peerAttribute(name: string, { request }: RequestContext): AttributeValue | undefined {
  const source = request.attributes?.source;
  const socket = source?.address?.address;
  switch (name) {
    case 'source.ip':
      return socket?.case === 'socketAddress' ? ipOf(socket.value.address) : undefined;
    case 'source.port': {
      const port = socket?.case === 'socketAddress' ? socket.value.portSpecifier : undefined;
      return port?.case === 'portValue' ? port.value : undefined;
    }
    case 'source.principal':
    case 'source.user':
      return source?.principal.startsWith(spiffeScheme) ? source.principal.slice(spiffeScheme.length) : undefined;
    case 'source.namespace':
      return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(source?.principal ?? '')?.[1];
    default:
      return undefined;
  }
}

function otherAttribute(name: string, { request, facts, nowMs }: RequestContext): AttributeValue | undefined {
  const { destination, source, tlsSession } = request.attributes ?? {};
  const socket = destination?.address?.address;
  const address = socket?.case === 'socketAddress' ? socket.value : undefined;
  const port = address?.portSpecifier.case === 'portValue' ? address.portSpecifier.value : undefined;
  switch (name) {
    case 'destination.ip':
      return address === undefined ? undefined : ipOf(address.address);
    case 'destination.port':
      return port;
    case 'connection.mtls':
      return (source?.principal ?? '') !== '';
    case 'connection.requested_server_name':
      return given(tlsSession?.sni);
    case 'context.time':
      return nowMs;
    case 'context.protocol':
    case 'api.protocol': {
      const type = request.attributes?.request?.http?.headers['content-type'] ?? '';
      return type.startsWith('application/grpc') ? 'grpc' : 'http';
    }
    default:
      // Of several services it is the one on the port that the request came to.
      return new Map(serviceOf(facts.services[String(port)])).get(name);
  }
}
