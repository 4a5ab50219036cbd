// Where the keys of a JWT rule are fetched from: its jwksUri, or its issuer's OpenID configuration.
import type { JWTRule, RequestAuthenticationSpec } from '../../../../mesh/config/schemas/request-authentication.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';

/** Longest URI that an event's subject takes beside its prefix. */
const maxUriChars = 900;

/** The URI that keys are fetched from and known by; undefined for inline keys and for issuers that are no plain http(s) URL. */
export function keySetSource({ jwks, jwksUri, issuer = '' }: JWTRule): string | undefined {
  if (jwks) return undefined;
  if (jwksUri) return jwksUri.length <= maxUriChars ? jwksUri : undefined;
  const url = URL.parse(issuer);
  // A query or fragment would swallow the path that is put behind it.
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || /[?#]/.test(issuer)) return undefined;
  const discovery = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  return discovery.length <= maxUriChars ? discovery : undefined;
}

/** All sources that a snapshot's RequestAuthentications name, sorted. */
export function keySetSources({ config }: Snapshot): readonly string[] {
  const rules = config
    .list<RequestAuthenticationSpec>('RequestAuthentication')
    .flatMap(({ spec }) => spec.jwtRules ?? []);
  return [...new Set(rules.flatMap((rule) => keySetSource(rule) ?? []))].sort();
}
