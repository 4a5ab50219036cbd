// Proves callers by a signed token of their platform: Kubernetes' projected service-account tokens, Nomad's workload identities.
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { Clock } from '../../../lib/clock.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { askPlatform, type PlatformAccess } from './ask-platform.ts';
import { type Attestation, type Attestor, type Credentials, notMine, provenIf, refused } from './attestor.ts';
import type { ClaimsIdentity } from './jwt-claims.ts';

/** Whose tokens are accepted, and for whom. */
export interface JwtAttestorOptions {
  /**
   * Compared exactly; a URL without query and fragment (OpenID Connect Discovery, section 2: no `?` and `#` in an issuer). Undefined:
   * tokens without one, as Nomad's are where no `oidc_issuer` is set; its keys alone tell them apart then.
   */
  readonly issuer: string | undefined;
  /** One of the token's audiences has to be this: a token made for another service is worth nothing here. */
  readonly audience: string;
  /** The issuer's keys: jose's `createLocalJWKSet` or `createRemoteJWKSet`. */
  readonly keys: JWTVerifyGetKey;
  readonly trustDomain: string;
  /** Whom the claims name: kubernetesIdentity or nomadIdentity of jwt-claims.ts. */
  readonly identityOf: (claims: JWTPayload) => ClaimsIdentity;
  readonly clock: Clock;
  /** Default: all asymmetric ones that Kubernetes and Nomad use. `none` and shared secrets can't be chosen. */
  readonly algorithms?: readonly Algorithm[];
  /** Asks the platform whether the workload still runs (Nomad); absent: the token's life is the answer. */
  readonly isRunning?: (claims: JWTPayload) => Promise<boolean>;
}

/** Signatures that only the issuer can make. */
export type Algorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'EdDSA';

const defaultAlgorithms: readonly Algorithm[] = ['RS256', 'ES256', 'ES384', 'EdDSA'];
/** Clocks of a cluster agree within seconds. */
const toleranceSeconds = 5;

/**
 * The keys that an issuer publishes, fetched when needed and kept: the JWKS is asked again for an unknown key, at most every 30 s.
 * `tls` says how its server is known, where that is not by the system's authorities.
 */
export function remoteKeys(jwksUrl: string, tls: Omit<PlatformAccess, 'server'> = {}): JWTVerifyGetKey {
  if (!URL.canParse(jwksUrl)) throw new MeshError('invalid', `"${jwksUrl}" is no URL of a JWKS`);
  const { origin, pathname, search } = new URL(jwksUrl);
  const fetchKeys = async () => {
    const { status, json } = await askPlatform({ ...tls, server: origin }, { path: `${pathname}${search}` });
    return new Response(JSON.stringify(json ?? null), { status: status === 200 ? 200 : 502 });
  };
  return createRemoteJWKSet(new URL(jwksUrl), { [customFetch]: fetchKeys });
}

/** Makes the attestor. Throws MeshError `invalid` for an issuer that is not exact or an empty audience. */
export function createJwtAttestor(options: JwtAttestorOptions): Attestor {
  const { issuer, audience } = options;
  const exact = issuer === undefined || (URL.canParse(issuer) && !/[?#\s]/.test(issuer));
  if (!exact) throw new MeshError('invalid', 'a token issuer has to be a URL without "?" and "#"');
  if (audience === '') throw new MeshError('invalid', 'a token audience is required');
  return { kind: 'jwt', attest: async (credentials) => await attest(credentials, options) };
}

async function attest({ token }: Credentials, options: JwtAttestorOptions): Promise<Attestation> {
  if (token === undefined || !isOfIssuer(token, options.issuer)) return notMine;
  const claims = await verified(token, options);
  if (typeof claims === 'string') return refused(claims, { kind: 'jwt', details: { issuer: options.issuer ?? '' } });
  const found = options.identityOf(claims);
  const evidence = { kind: 'jwt', details: detailsOf(claims) };
  if (!found.ok) return refused(`the token names no workload: ${found.reason}`, evidence);
  const attestation = provenIf({ trustDomain: options.trustDomain, ...found.identity }, evidence);
  if (attestation.outcome === 'proven' && options.isRunning && !(await options.isRunning(claims)))
    return refused('the workload does not run any more', evidence);
  return attestation;
}

/** Whether an unverified token names this issuer, or none where none is wanted: it only chooses who verifies it. */
function isOfIssuer(token: string, issuer: string | undefined): boolean {
  try {
    return decodeJwt(token).iss === issuer;
  } catch {
    return false;
  }
}

async function verified(token: string, options: JwtAttestorOptions): Promise<JWTPayload | string> {
  const { issuer, audience, clock, algorithms = defaultAlgorithms } = options;
  try {
    const { payload } = await jwtVerify(token, keysOrUnavailable(options), {
      ...(issuer !== undefined && { issuer }),
      audience,
      algorithms: [...algorithms],
      // Given by Kubernetes and Nomad alike.
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: toleranceSeconds,
      currentDate: new Date(clock.nowMs()),
    });
    return payload;
  } catch (error) {
    if (error instanceof MeshError) throw error;
    return reasonOf(error);
  }
}

/** The issuer's keys; failing to have any is not the token's fault and is told apart from its having the wrong one. */
function keysOrUnavailable({ keys, issuer }: JwtAttestorOptions): JWTVerifyGetKey {
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      const ofToken = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];
      if (ofToken.some((kind) => error instanceof kind)) throw error;
      throw new MeshError(
        'unavailable',
        `the keys of ${issuer ?? 'the token’s issuer'} can not be had: ${messageOf(error)}`,
      );
    }
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `the token’s claim "${error.claim}" is missing or wrong`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'the token’s algorithm is not accepted';
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'the token is signed with a key that its issuer does not publish';
  return 'the token’s signature is wrong or it is malformed';
}

function detailsOf({ iss = '', sub = '', jti }: JWTPayload): Record<string, string> {
  return { issuer: iss, subject: sub.slice(0, 500), ...(typeof jti === 'string' && { tokenId: jti.slice(0, 100) }) };
}
