// Istio's HTTPMatchRequest as Envoy's RouteMatch, and the parts of it that are decided while translating.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMatcher,
  type RouteMatch,
  RouteMatchSchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcher } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import { RegexMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/regex_pb.js';
import type { HTTPMatchRequest, StringMatch } from '../../../../mesh/config/schemas/virtual-service.ts';
import {
  claimMatcher,
  claimPath,
  headerMatcher,
  invertedHeaderMatcher,
  queryParameterMatcher,
} from './string-match.ts';

/** What is known of the place that routes are made for. */
export interface RoutePlace {
  /** Port that requests arrive at: the service's or the Gateway server's. */
  readonly port: number;
  /** `mesh` for sidecars, else `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
}

/** Whether a match may apply at this place: its port, gateways, sourceLabels and sourceNamespace. */
export function appliesHere(match: HTTPMatchRequest, place: RoutePlace): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== place.port) return false;
  if (match.gateways !== undefined && match.gateways.length > 0) return match.gateways.includes(place.gateway);
  return (
    isSubset(match.sourceLabels ?? {}, place.labels) &&
    (!match.sourceNamespace || match.sourceNamespace === place.namespace)
  );
}

/** Whether every label of `selector` is among `labels`. */
export function isSubset(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** The match of a route; without a request match it takes every path. */
export function routeMatch(match: HTTPMatchRequest | undefined): RouteMatch {
  if (match === undefined) return create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });
  const headers: HeaderMatcher[] = [];
  const dynamicMetadata: MetadataMatcher[] = [];
  collect(match.headers, false, headers, dynamicMetadata);
  collect(match.withoutHeaders, true, headers, dynamicMetadata);
  headers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  if (match.method) headers.push(headerMatcher(':method', match.method));
  if (match.authority) headers.push(headerMatcher(':authority', match.authority));
  if (match.scheme) headers.push(headerMatcher(':scheme', match.scheme));
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.uri),
    caseSensitive: !(match.ignoreUriCase ?? false),
    headers,
    queryParameters: sortedEntries(match.queryParams).map(([name, value]) => queryParameterMatcher(name, value)),
    dynamicMetadata,
  });
}

/** Whether nothing can get past a route with this match: it takes every path and asks for nothing else. */
export function isCatchAll(match: RouteMatch): boolean {
  const path = match.pathSpecifier;
  const anyPath =
    (path.case === 'prefix' && path.value === '/') || (path.case === 'safeRegex' && path.value.regex === '.*');
  return (
    anyPath && match.headers.length === 0 && match.queryParameters.length === 0 && match.dynamicMetadata.length === 0
  );
}

function pathSpecifier(uri: StringMatch | undefined): RouteMatch['pathSpecifier'] {
  if (uri?.exact !== undefined) return { case: 'path', value: uri.exact };
  if (uri?.regex !== undefined) return { case: 'safeRegex', value: create(RegexMatcherSchema, { regex: uri.regex }) };
  return { case: 'prefix', value: uri?.prefix ?? '/' };
}

function collect(
  matches: Readonly<Record<string, StringMatch>> | undefined,
  invert: boolean,
  headers: HeaderMatcher[],
  dynamicMetadata: MetadataMatcher[],
): void {
  for (const [name, match] of sortedEntries(matches)) {
    const claim = claimPath(name);
    if (claim) dynamicMetadata.push(claimMatcher(claim, match, invert));
    else headers.push(invert ? invertedHeaderMatcher(name, match) : headerMatcher(name, match));
  }
}

function sortedEntries<T>(record: Readonly<Record<string, T>> | undefined): (readonly [string, T])[] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
