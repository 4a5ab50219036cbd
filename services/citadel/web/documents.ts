// What Citadel publishes for verifiers: OIDC discovery with its key set, and the SPIFFE bundle of the trust domain. Pure.
import { X509Certificate } from 'node:crypto';
import type { TrustBundle } from '../ca/authority-state.ts';
import type { JwtKey } from '../jwt/jwt-keys.ts';

/** Where verifiers may look again after so many seconds: a key signs half an hour after it was published, at the earliest. */
export const refreshHintSeconds = 300;

/** Paths of the documents; the first is OIDC's own (OpenID Connect Discovery, section 4). */
export const documentPaths = {
  discovery: '/.well-known/openid-configuration',
  keys: '/keys',
  bundle: '/bundle',
} as const;

/** The OpenID provider's configuration: as much of it as verifiers of tokens read. */
export function discoveryDocument(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer.replace(/\/$/, '')}${documentPaths.keys}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}

/** The JSON Web Key Set (RFC 7517) of the keys that tokens are to be believed by. */
export function keySetDocument(keys: readonly JwtKey[]): object {
  return { keys: keys.map(({ keyId, jwk }) => ({ ...jwk, kid: keyId, use: 'sig', alg: 'ES256' })) };
}

/** The bundle of a trust domain (SPIFFE_Trust_Domain_and_Bundle.md, section 4): its roots, its keys for tokens, and which edition it is. */
export function bundleDocument(options: {
  readonly bundle: TrustBundle;
  readonly jwtKeys: readonly JwtKey[];
  /** Keys for tokens that were ever published: with the bundle's own number, this grows with each change. */
  readonly keysPublished: number;
}): object {
  const roots = options.bundle.roots.map((pem) => {
    const certificate = new X509Certificate(pem);
    const x5c = [certificate.raw.toString('base64')];
    return { ...certificate.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c };
  });
  const tokens = options.jwtKeys.map(({ keyId, jwk }) => ({ ...jwk, kid: keyId, use: 'jwt-svid' }));
  return {
    keys: [...roots, ...tokens],
    spiffe_sequence: options.bundle.sequence + options.keysPublished,
    spiffe_refresh_hint: refreshHintSeconds,
  };
}
