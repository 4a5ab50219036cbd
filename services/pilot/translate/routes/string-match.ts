// Istio's StringMatch as Envoy's matchers for strings, headers, query parameters and JWT claims.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { type MetadataMatcher, MetadataMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import { type StringMatcher, StringMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import { type ValueMatcher, ValueMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/value_pb.js';
import type { StringMatch } from '../../../../mesh/config/schemas/virtual-service.ts';

/** The Envoy matcher of a StringMatch, or undefined when it names no kind of match. */
export function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) {
    return create(StringMatcherSchema, { matchPattern: { case: 'exact', value: match.exact } });
  }
  if (match.prefix !== undefined) {
    return create(StringMatcherSchema, { matchPattern: { case: 'prefix', value: match.prefix } });
  }
  if (match.regex !== undefined) {
    return create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex: match.regex } } });
  }
  return undefined;
}

/**
 * Whether a match only asks for presence: an empty match or an empty prefix, or the regex `*`, which is not RE2 but Istio's
 * sign for "any value".
 */
export function isPresentMatch(match: StringMatch | undefined): boolean {
  if (match === undefined) return true;
  if (match.exact !== undefined) return false;
  if (match.prefix !== undefined) return match.prefix === '';
  return !match.regex || match.regex === '*';
}

/** A header matcher; pseudo headers (`:method`, `:authority`, `:scheme`) are written like any other. */
export function headerMatcher(name: string, match: StringMatch): HeaderMatcher {
  const string = isPresentMatch(match) ? undefined : stringMatcher(match);
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: string ? { case: 'stringMatch', value: string } : { case: 'presentMatch', value: true },
  });
}

/** A header that must not match: a missing header counts as empty, except where presence alone is asked for. */
export function invertedHeaderMatcher(name: string, match: StringMatch): HeaderMatcher {
  const matcher = headerMatcher(name, match);
  matcher.invertMatch = true;
  matcher.treatMissingHeaderAsEmpty = !isPresentMatch(match);
  return matcher;
}

/** A query parameter matcher. */
export function queryParameterMatcher(name: string, match: StringMatch): QueryParameterMatcher {
  const string = isPresentMatch(match) ? undefined : stringMatcher(match);
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier: string
      ? { case: 'stringMatch', value: string }
      : { case: 'presentMatch', value: true },
  });
}

const claimPrefix = '@request.auth.claims';

/**
 * The path of a JWT claim named by a pseudo header: `@request.auth.claims.group.id` or `@request.auth.claims[group][id]`;
 * undefined for any other header (istio.io/latest/docs/tasks/security/authentication/jwt-route).
 */
export function claimPath(header: string): readonly string[] | undefined {
  if (!header.toLowerCase().startsWith(claimPrefix)) return undefined;
  const name = header.slice(claimPrefix.length);
  if (name.startsWith('.') && name.length > 1) return name.slice(1).split('.');
  if (name.startsWith('[') && name.endsWith(']') && name.length > 2) return name.slice(1, -1).split('][');
  return undefined;
}

/** Matches a claim that is the string, or a list with the string in it, in the payload that Envoy's JWT filter leaves behind. */
export function claimMatcher(path: readonly string[], match: StringMatch, invert: boolean): MetadataMatcher {
  return create(MetadataMatcherSchema, {
    filter: 'envoy.filters.http.jwt_authn',
    path: ['payload', ...path].map((key) => ({ segment: { case: 'key' as const, value: key } })),
    value: claimValue(match),
    invert,
  });
}

function claimValue(match: StringMatch): ValueMatcher {
  const string = isPresentMatch(match) ? undefined : stringMatcher(match);
  if (string === undefined) {
    return create(ValueMatcherSchema, { matchPattern: { case: 'presentMatch', value: true } });
  }
  const isString = { matchPattern: { case: 'stringMatch' as const, value: string } };
  const inList = { matchPattern: { case: 'oneOf' as const, value: isString } };
  const isList = { matchPattern: { case: 'listMatch' as const, value: inList } };
  return create(ValueMatcherSchema, {
    matchPattern: { case: 'orMatch', value: { valueMatchers: [isString, isList] } },
  });
}
