// RequestAuthentications as Envoy's jwt_authn filter: a token that is there must be valid; whether one must be there, policies say.
import { create } from '@bufbuild/protobuf';
import type { ConfigResource } from '../../../../events/model.ts';
import {
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
  type JwtRequirement,
  JwtRequirementSchema,
} from '../../../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { JWTRule, RequestAuthenticationSpec } from '../../../../mesh/config/schemas/request-authentication.ts';
import type { KeySet } from '../../../../mesh/key-sets.ts';
import { compareNames } from '../names.ts';
import { routeMatch } from '../routes/route-match.ts';
import { jwtMetadata, payloadKey } from './claim-matchers.ts';
import { keySetSource } from './key-set-source.ts';
import { httpFilter } from './rbac-filters.ts';

/** Claims that are lists written as one string, whatever the rule says (RFC 8693, section 4.2). */
const spaceDelimited = ['permission', 'scope'];

/**
 * A key set that no token satisfies, for issuers whose keys are not known: an empty one would be a configuration error. The point on
 * P-256 is made from the SHA-256 of "periplus: no key 0", so that its private key is nobody's.
 */
export const denyingKeySet = JSON.stringify({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      kid: 'periplus-no-key',
      x: 'aZrFxwaCWwzELgWHFUtiOlt9YM4IoVlTKgp4FeRmaSY',
      y: '1ek7IraHF3Eh2pfR6I8ZX63PJBO6noaJSEcuh6mHaWY',
    },
  ],
});

/** The filter for all rules of the policies that apply; undefined when there are none. A gateway routes by claims, so routes are looked up again. */
export function jwtFilter(
  policies: readonly ConfigResource<RequestAuthenticationSpec>[],
  options: { readonly keySets: ReadonlyMap<string, KeySet>; readonly isRouter: boolean },
): HttpFilter | undefined {
  const rules = policies
    .flatMap(({ spec }) => spec.jwtRules ?? [])
    .sort((a, b) => compareNames(a.issuer ?? '', b.issuer ?? ''));
  if (rules.length === 0) return undefined;
  const authentication = create(JwtAuthenticationSchema, {
    bypassCorsPreflight: true,
    rules: [{ match: routeMatch(undefined), requirementType: { case: 'requires', value: requirement(rules.length) } }],
  });
  rules.forEach((rule, index) => {
    authentication.providers[providerName(index)] = provider(rule, options);
  });
  return httpFilter(jwtMetadata, JwtAuthenticationSchema, authentication);
}

const providerName = (index: number) => `origins-${index}`;

/**
 * One rule: a valid token or none. Several: a valid token of one of them, or for each a valid one or none, so that a token that is
 * there and no rule's is refused although rules look in the same place.
 */
function requirement(rules: number): JwtRequirement {
  const providers = Array.from({ length: rules }, (_, index) =>
    create(JwtRequirementSchema, { requiresType: { case: 'providerName', value: providerName(index) } }),
  );
  const missing = create(JwtRequirementSchema, { requiresType: { case: 'allowMissing', value: {} } });
  const orMissing = providers.map((one) => anyOf([one, missing]));
  const [only] = orMissing;
  if (orMissing.length === 1 && only !== undefined) return only;
  const each = create(JwtRequirementSchema, {
    requiresType: { case: 'requiresAll', value: { requirements: orMissing } },
  });
  return anyOf([...providers, each]);
}

function anyOf(requirements: readonly JwtRequirement[]): JwtRequirement {
  return create(JwtRequirementSchema, {
    requiresType: { case: 'requiresAny', value: { requirements: [...requirements] } },
  });
}

function provider(
  rule: JWTRule,
  { keySets, isRouter }: { readonly keySets: ReadonlyMap<string, KeySet>; readonly isRouter: boolean },
): JwtProvider {
  return create(JwtProviderSchema, {
    issuer: rule.issuer ?? '',
    audiences: [...(rule.audiences ?? [])],
    // Keys come with the configuration: proxies never fetch what a policy names.
    jwksSourceSpecifier: {
      case: 'localJwks',
      value: { specifier: { case: 'inlineString', value: keysOf(rule, keySets) } },
    },
    forward: rule.forwardOriginalToken ?? false,
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix = '' }) => ({ name, valuePrefix: prefix })),
    fromParams: [...(rule.fromParams ?? [])],
    fromCookies: [...(rule.fromCookies ?? [])],
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    payloadInMetadata: payloadKey,
    normalizePayloadInMetadata: {
      spaceDelimitedClaims: [...new Set([...spaceDelimited, ...(rule.spaceDelimitedClaims ?? [])])],
    },
    claimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
      headerName: header,
      claimName: claim,
    })),
    clearRouteCache: isRouter,
  });
}

/** The rule's own keys, else those fetched for it, else keys that nothing matches. */
export function keysOf(rule: JWTRule, keySets: ReadonlyMap<string, KeySet>): string {
  if (rule.jwks) return hasKeys(rule.jwks) ? rule.jwks : denyingKeySet;
  const source = keySetSource(rule);
  const fetched = source === undefined ? undefined : keySets.get(source)?.jwks;
  return fetched !== undefined && hasKeys(fetched) ? fetched : denyingKeySet;
}

function hasKeys(jwks: string): boolean {
  try {
    const value: unknown = JSON.parse(jwks);
    return (
      typeof value === 'object' &&
      value !== null &&
      'keys' in value &&
      Array.isArray(value.keys) &&
      value.keys.length > 0
    );
  } catch {
    return false;
  }
}
