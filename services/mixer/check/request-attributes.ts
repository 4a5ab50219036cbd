// Envoy's CheckRequest as attributes, each read when an expression asks for it: nothing is looked up anywhere else.
import type { CheckRequest } from '../../../gen/envoy/service/auth/v3/external_auth_pb.js';
import type { Attributes, AttributeValue } from '../../../mesh/policy/attributes.ts';
import { knownAttributes, serviceAttribute, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { timeMs } from './envoy-time.ts';
import { apiAttribute, given, httpAttribute, protocolOf } from './http-attributes.ts';
import { addressIp, addressPort, type Source, sourceAttribute } from './source-workload.ts';
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
    if (name.startsWith('request.auth.')) return tokenAttribute(name, context.request.attributes?.metadataContext);
    if (name.startsWith('request.')) return requestAttribute(name, context);
    if (name.startsWith('source.')) return sourceAttribute(name, sourceOf(context));
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

function requestAttribute(name: string, { request }: RequestContext): AttributeValue | undefined {
  const http = request.attributes?.request?.http;
  if (http === undefined) return undefined;
  switch (name) {
    case 'request.size':
      return http.size < 0n ? undefined : Number(http.size);
    case 'request.time':
      return timeMs(request.attributes?.request?.time);
    default:
      return httpAttribute(name, http);
  }
}

function sourceOf({ request, registry }: RequestContext): Source {
  const source = request.attributes?.source;
  return { address: source?.address, principal: source?.principal ?? '', registry };
}

function otherAttribute(name: string, { request, facts, nowMs }: RequestContext): AttributeValue | undefined {
  const { destination, source, tlsSession } = request.attributes ?? {};
  switch (name) {
    case 'destination.ip':
      return addressIp(destination?.address);
    case 'destination.port':
      return addressPort(destination?.address);
    case 'connection.mtls':
      return (source?.principal ?? '') !== '';
    case 'connection.requested_server_name':
      return given(tlsSession?.sni);
    case 'context.time':
      return nowMs;
    default:
      return protocolAttribute(name, request) ?? serviceAttribute(name, facts, addressPort(destination?.address));
  }
}

/** What a connection is asked about as, when its client has sent the first byte: Envoy's network filter says nothing of HTTP. */
const ofConnections: Readonly<Record<string, string>> = {
  'context.protocol': 'tcp',
  'api.protocol': 'tcp',
  'connection.event': 'open',
};

function protocolAttribute(name: string, { attributes }: CheckRequest): AttributeValue | undefined {
  const http = attributes?.request?.http;
  if (http === undefined) return ofConnections[name];
  if (name === 'context.protocol') return protocolOf(http.headers);
  return name.startsWith('api.') ? apiAttribute(name, http) : undefined;
}
