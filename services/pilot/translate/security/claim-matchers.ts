// Claims of a validated JWT, which Envoy's jwt_authn filter leaves in dynamic metadata, as metadata matchers.
import { create } from '@bufbuild/protobuf';
import { type MetadataMatcher, MetadataMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import type { StringMatcher } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import { type ValueMatcher, ValueMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/value_pb.js';
import { regexMatcher, wildcardMatcher, wildcardOf } from './string-matchers.ts';

/** Namespace of dynamic metadata that the filter writes to. */
export const jwtMetadata = 'envoy.filters.http.jwt_authn';
/** Key in that namespace under which the payload of whichever token was valid is found. */
export const payloadKey = 'payload';

/** Holds where a claim (a path into the payload) is one of `values`, or a list that has one of them. */
export function claimIsOneOf(path: readonly string[], values: readonly string[]): MetadataMatcher {
  const strings = values.map((value) => stringValue(wildcardMatcher(value)));
  const either = anyOf(strings);
  const inList = create(ValueMatcherSchema, {
    matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: either } } },
  });
  return claim(path, anyOf([...strings, inList]));
}

/** The `iss` and `sub` matchers of a request principal `ISSUER/SUBJECT`; both must hold. The issuer may have slashes of its own. */
export function requestPrincipalMatchers(principal: string): readonly [MetadataMatcher, MetadataMatcher] {
  const { issuer, subject } = requestPrincipalParts(principal);
  return [claim(['iss'], stringValue(issuer)), claim(['sub'], stringValue(subject))];
}

const anything = regexMatcher('.+');

function requestPrincipalParts(principal: string): { issuer: StringMatcher; subject: StringMatcher } {
  if (principal === '*') return { issuer: anything, subject: anything };
  const slash = principal.lastIndexOf('/');
  if (slash < 0) {
    const { kind } = wildcardOf(principal);
    if (kind === 'suffix') return { issuer: anything, subject: wildcardMatcher(principal) };
    if (kind === 'prefix') return { issuer: wildcardMatcher(principal), subject: anything };
    return { issuer: exact(principal), subject: exact('') };
  }
  const [issuer, subject] = [principal.slice(0, slash), principal.slice(slash + 1)];
  // One end has the wildcard; an asterisk elsewhere stands for itself.
  if (principal.startsWith('*')) return { issuer: wildcardMatcher(issuer), subject: exact(subject) };
  if (principal.endsWith('*')) return { issuer: exact(issuer), subject: wildcardMatcher(subject) };
  return { issuer: exact(issuer), subject: exact(subject) };
}

function exact(text: string): StringMatcher {
  return { ...anything, matchPattern: { case: 'exact', value: text } };
}

function claim(path: readonly string[], value: ValueMatcher): MetadataMatcher {
  return create(MetadataMatcherSchema, {
    filter: jwtMetadata,
    path: [payloadKey, ...path].map((key) => ({ segment: { case: 'key' as const, value: key } })),
    value,
  });
}

/** A metadata matcher on a string. */
export function stringValue(value: StringMatcher): ValueMatcher {
  return create(ValueMatcherSchema, { matchPattern: { case: 'stringMatch', value } });
}

function anyOf(values: readonly ValueMatcher[]): ValueMatcher {
  const [first] = values;
  if (values.length === 1 && first !== undefined) return first;
  return create(ValueMatcherSchema, { matchPattern: { case: 'orMatch', value: { valueMatchers: [...values] } } });
}
