// Who is calling: fields of a rule's `from` and the `when` keys about the source, as Envoy's RBAC principals.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { type CidrRange, CidrRangeSchema } from '../../../../gen/envoy/config/core/v3/address_pb.js';
import { type Principal, PrincipalSchema } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import type { MetadataMatcher } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import { type StringMatcher, StringMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import { claimIsOneOf, requestPrincipalMatchers } from './claim-matchers.ts';
import type { Polarity } from './policy-polarity.ts';
import { policyHeader, quoteRegex, regexMatcher, wildcardMatcher } from './string-matchers.ts';
import { expandPrincipal, expandTrustDomain } from './trust-domains.ts';

/** SPIFFE IDs are what certificates say; policies leave their scheme out. */
export const spiffeScheme = 'spiffe://';

/** Peers with one of these principals, in any of the mesh's trust domains. A plaintext peer has none. */
export function withPrincipals(values: readonly string[], trustDomains: readonly string[]): readonly Principal[] {
  return values
    .flatMap((value) => expandPrincipal(value, trustDomains))
    .map((value) => authenticated(wildcardMatcher(value, { scheme: spiffeScheme })));
}

/** A peer with exactly this SPIFFE ID. */
export function spiffePrincipal(spiffeId: string): Principal {
  return authenticated(create(StringMatcherSchema, { matchPattern: { case: 'exact', value: spiffeId } }));
}

/** Peers whose SPIFFE ID is of one of these namespaces. */
export function ofNamespaces(values: readonly string[]): readonly Principal[] {
  return values.map((value) => authenticated(regexMatcher(`.*/ns/${quoteWildcards(value, '.*')}/.*`)));
}

/** Peers with one of these service accounts: `ACCOUNT` in the policy's namespace or `NAMESPACE/ACCOUNT`. */
export function withServiceAccounts(values: readonly string[], policyNamespace: string): readonly Principal[] {
  return values.map((value) => {
    const [namespace = '', account = ''] = value.includes('/') ? value.split('/') : [policyNamespace, value];
    return authenticated(
      regexMatcher(`spiffe://.+/ns/${quoteRegex(namespace)}/(?:.+/)?sa/${quoteRegex(account)}(?:/.+)?`),
    );
  });
}

/** Peers of one of these trust domains. */
export function ofTrustDomains(values: readonly string[], trustDomains: readonly string[]): readonly Principal[] {
  return values
    .flatMap((value) => expandTrustDomain(value, trustDomains))
    .map((value) => authenticated(regexMatcher(`spiffe://${quoteWildcards(value, '[^/]*')}/.*`)));
}

/** Connections from these addresses. */
export function fromAddresses(values: readonly string[]): readonly Principal[] {
  return values.map((value) => create(PrincipalSchema, { identifier: { case: 'directRemoteIp', value: cidr(value) } }));
}

/** Clients with these addresses, as X-Forwarded-For or the PROXY protocol tell them. */
export function ofClients(values: readonly string[]): readonly Principal[] {
  return values.map((value) => create(PrincipalSchema, { identifier: { case: 'remoteIp', value: cidr(value) } }));
}

/** Requests with a valid token of one of these `ISSUER/SUBJECT`. */
export function withRequestPrincipals(values: readonly string[]): readonly Principal[] {
  return values.map((value) => allOf(requestPrincipalMatchers(value).map(metadata)));
}

/** Requests with a valid token in which a claim is one of `values`. */
export function withClaim(path: readonly string[], values: readonly string[]): readonly Principal[] {
  return [metadata(claimIsOneOf(path, values))];
}

/** Requests in which a header is one of `values`. */
export function withHeader(name: string, values: readonly string[], polarity: Polarity): readonly Principal[] {
  return values.map((value) =>
    create(PrincipalSchema, { identifier: { case: 'header', value: policyHeader(name, value, polarity) } }),
  );
}

/** Everybody. */
export function anyone(): Principal {
  return create(PrincipalSchema, { identifier: { case: 'any', value: true } });
}

/** All must hold. */
export function allOf(ids: readonly Principal[]): Principal {
  return create(PrincipalSchema, { identifier: { case: 'andIds', value: { ids: [...ids] } } });
}

/** One must hold. */
export function oneOf(ids: readonly Principal[]): Principal {
  return create(PrincipalSchema, { identifier: { case: 'orIds', value: { ids: [...ids] } } });
}

/** Must not hold. */
export function not(value: Principal): Principal {
  return create(PrincipalSchema, { identifier: { case: 'notId', value } });
}

function authenticated(principalName: StringMatcher): Principal {
  return create(PrincipalSchema, { identifier: { case: 'authenticated', value: { principalName } } });
}

function metadata(value: MetadataMatcher): Principal {
  return create(PrincipalSchema, { identifier: { case: 'metadata', value } });
}

function quoteWildcards(value: string, wildcard: string): string {
  return value.split('*').map(quoteRegex).join(wildcard);
}

/** An address, or a range of them such as `10.0.0.0/8`. */
export function cidr(text: string): CidrRange {
  const [addressPrefix = '', bits] = text.split('/');
  const prefixLen = bits === undefined ? (isIP(addressPrefix) === 6 ? 128 : 32) : Number(bits);
  return create(CidrRangeSchema, { addressPrefix, prefixLen });
}
