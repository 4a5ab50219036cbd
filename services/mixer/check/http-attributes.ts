// Attributes of an HTTP request's head: the same for a request that is checked and for one that has ended.
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';
import { apiKeySources } from '../../../mesh/policy/lowering/api-keys.ts';

/** The head as Envoy tells it; empty texts are what protobuf has for absent ones. */
export interface HttpHead {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  /** With its query. */
  readonly path: string;
  /** By lower-case name; those that Pilot asked Envoy for. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Value of a `request.…` attribute that the head tells. */
export function httpAttribute(name: string, http: HttpHead): AttributeValue | undefined {
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
      return given(http.headers[apiKeySources.header]) ?? apiKeyIn(path);
    default:
      return undefined;
  }
}

/** Value of `context.protocol`, by the request's content type. */
export function protocolOf(headers: Readonly<Record<string, string>>): 'grpc' | 'http' {
  return (headers['content-type'] ?? '').startsWith('application/grpc') ? 'grpc' : 'http';
}

/** Value of an `api.…` attribute: of gRPC requests, whose path is `/SERVICE/METHOD`, also the service and the operation. */
export function apiAttribute(name: string, { path, headers }: Pick<HttpHead, 'path' | 'headers'>): string | undefined {
  const protocol = protocolOf(headers);
  const [, service, operation] = (protocol === 'grpc' && /^\/([\w.]+)\/(\w+)(?:\?|$)/.exec(path)) || [];
  switch (name) {
    case 'api.protocol':
      return protocol;
    case 'api.service':
      return service;
    case 'api.operation':
      return operation;
    default:
      return undefined;
  }
}

/** Empty texts are what protobuf has for absent ones. */
export const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function queryOf(path: string): Readonly<Record<string, string>> {
  const query = path.indexOf('?');
  const values: Record<string, string> = Object.create(null);
  // The first of several, as Mixer's client had it. Behind `&` a second `?` is a part of the first name.
  if (query >= 0) for (const [key, value] of new URLSearchParams(`&${path.slice(query + 1)}`)) values[key] ??= value;
  return values;
}

/** Where Mixer's client looked by default (HTTPAPISpec): the query's `key`, then `api_key`. An empty one is none, as for Envoy's filter. */
function apiKeyIn(path: string | undefined): string | undefined {
  const query = path === undefined ? {} : queryOf(path);
  return apiKeySources.queries.map((name) => given(query[name])).find((key) => key !== undefined);
}
