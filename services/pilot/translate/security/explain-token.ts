// Why a token is refused or taken: what Envoy's jwt_authn does with it, in words. Wherever the token is; it need not travel.
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import type { ConfigResource } from '../../../../events/model.ts';
import type { RequestAuthenticationSpec } from '../../../../mesh/config/schemas/request-authentication.ts';
import type { KeySet } from '../../../../mesh/key-sets.ts';
import { denyingKeySet, keysOf } from './jwt-filter.ts';

/** One rule of a RequestAuthentication and the public keys that the proxy has for it. */
export interface TokenRule {
  readonly namespace: string;
  readonly policy: string;
  /** Index in its jwtRules. */
  readonly rule: number;
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** A key set in JSON; absent while the keys could not be fetched or read: every token is refused. */
  readonly jwks?: string;
}

/** What becomes of a token. */
export type TokenVerdict =
  | { readonly ok: true; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly status: 401 | 403; readonly reason: string; readonly rule?: TokenRule };

/** Clocks that differ by less are taken for the same: Envoy's default (JwtProvider.clock_skew_seconds). */
const clockSkewSeconds = 60;

/** The rules of the policies that apply to a workload, in their order. */
export function tokenRulesOf(
  policies: readonly ConfigResource<RequestAuthenticationSpec>[],
  keySets: ReadonlyMap<string, KeySet>,
): readonly TokenRule[] {
  return policies.flatMap(({ namespace, name, spec }) =>
    (spec.jwtRules ?? []).map((rule, index): TokenRule => {
      const jwks = keysOf(rule, keySets);
      const { issuer = '', audiences = [] } = rule;
      const known = jwks === denyingKeySet ? {} : { jwks };
      return { namespace, policy: name, rule: index, issuer, audiences: [...audiences], ...known };
    }),
  );
}

/** What the proxy does with `token` where `rules` apply; without rules nobody looks at it. */
export function explainToken(token: string, rules: readonly TokenRule[], nowMs: number): TokenVerdict {
  const refused = (reason: string, rule?: TokenRule, status: 401 | 403 = 401): TokenVerdict => {
    return { ok: false, status, reason, ...(rule && { rule }) };
  };
  const [head = '', body = '', signature = '', ...more] = token.split('.');
  const [header, claims] = [decode(head), decode(body)];
  if (!header || !claims || more.length > 0) return refused('it is no JWT: three parts, of which two are JSON');
  const algorithm = typeof header.alg === 'string' ? algorithms[header.alg] : undefined;
  if (!algorithm) return refused(`its algorithm ${JSON.stringify(header.alg)} is not taken`);
  const ofIssuer = rules.filter(({ issuer }) => issuer === claims.iss);
  if (ofIssuer.length === 0) {
    const known = rules.map(({ issuer }) => issuer).join(', ');
    return refused(`no rule knows its issuer ${JSON.stringify(claims.iss)}; known are ${known}`);
  }
  const verdicts = ofIssuer.map((rule) => {
    const nowSeconds = nowMs / 1000;
    if (typeof claims.nbf === 'number' && nowSeconds + clockSkewSeconds < claims.nbf)
      return refused(`it is not valid before ${instant(claims.nbf)}`, rule);
    if (typeof claims.exp === 'number' && nowSeconds > claims.exp + clockSkewSeconds)
      return refused(`it expired at ${instant(claims.exp)}`, rule);
    const audiences = [claims.aud].flat().filter((each) => typeof each === 'string');
    if (
      rule.audiences.length > 0 &&
      !audiences.some((each) => rule.audiences.includes(plain(each)) || rule.audiences.includes(each))
    )
      return refused(`its audience ${JSON.stringify(claims.aud)} is none of ${rule.audiences.join(', ')}`, rule, 403);
    if (rule.jwks === undefined)
      return refused("the issuer's keys are not known: they could not be fetched or read", rule);
    const keys = keysIn(rule.jwks).filter(
      ({ kid }) => header.kid === undefined || kid === undefined || kid === header.kid,
    );
    if (keys.length === 0) return refused(`the issuer has no key ${JSON.stringify(header.kid)}`, rule);
    const signed = Buffer.from(`${head}.${body}`);
    const fits = keys.some(
      (key) => key.kty === algorithm.kty && isSigned(signed, Buffer.from(signature, 'base64url'), { key, algorithm }),
    );
    return fits ? { ok: true as const, claims } : refused("its signature is not the issuer's", rule);
  });
  return verdicts.find(({ ok }) => ok) ?? verdicts[0] ?? refused('no rule applies');
}

interface Algorithm {
  readonly kty: 'EC' | 'RSA' | 'OKP';
  readonly hash: string | null;
  readonly isPss?: boolean;
}

/** Those of jwt_authn with public keys (envoy.extensions.filters.http.jwt_authn.v3.JwtProvider). */
const algorithms: Readonly<Record<string, Algorithm>> = {
  ES256: { kty: 'EC', hash: 'sha256' },
  ES384: { kty: 'EC', hash: 'sha384' },
  ES512: { kty: 'EC', hash: 'sha512' },
  RS256: { kty: 'RSA', hash: 'sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  PS256: { kty: 'RSA', hash: 'sha256', isPss: true },
  PS384: { kty: 'RSA', hash: 'sha384', isPss: true },
  PS512: { kty: 'RSA', hash: 'sha512', isPss: true },
  EdDSA: { kty: 'OKP', hash: null },
};

function isSigned(
  signed: Buffer,
  signature: Buffer,
  { key, algorithm }: { readonly key: JsonWebKey; readonly algorithm: Algorithm },
): boolean {
  try {
    const options = {
      key: createPublicKey({ key, format: 'jwk' }),
      dsaEncoding: 'ieee-p1363' as const,
      ...(algorithm.isPss && { padding: 6 }),
    };
    return verify(algorithm.hash, signed, options, signature);
  } catch {
    return false;
  }
}

function keysIn(jwks: string): readonly (JsonWebKey & { readonly kid?: string })[] {
  return (JSON.parse(jwks) as { readonly keys: readonly (JsonWebKey & { readonly kid?: string })[] }).keys;
}

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** As Envoy compares audiences: without scheme and final slash. */
const plain = (audience: string) => audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
const instant = (seconds: number) =>
  Math.abs(seconds) < 8e12 ? new Date(seconds * 1000).toISOString() : String(seconds);
