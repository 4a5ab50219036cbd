// Proves callers by a signed token of their platform: Kubernetes' projected service-account tokens, Nomad's workload identities.
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Clock } from '../../../lib/clock.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import { type Attestation, type Attestor, type Credentials, notMine, refused } from './attestor.ts';
import type { ClaimsIdentity } from './jwt-claims.ts';

/** Whose tokens are accepted, and for whom. */
export interface JwtAttestorOptions {
  /** Compared exactly; a URL without query and fragment (OpenID Connect Discovery, section 2: no `?` and `#` in an issuer). */
  readonly issuer: string;
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

/** The keys that an issuer publishes, fetched when needed and kept: the JWKS is asked again for an unknown key, at most every 30 s. */
export function remoteKeys(jwksUrl: string): JWTVerifyGetKey {
  if (!URL.canParse(jwksUrl)) throw new MeshError('invalid', `"${jwksUrl}" is no URL of a JWKS`);
  return createRemoteJWKSet(new URL(jwksUrl));
}

/** Makes the attestor. Throws MeshError `invalid` for an issuer that is not exact or an empty audience. */
export function createJwtAttestor(options: JwtAttestorOptions): Attestor {
  const { issuer, audience } = options;
  const exact = URL.canParse(issuer) && !/[?#\s]/.test(issuer);
  if (!exact) throw new MeshError('invalid', 'a token issuer has to be a URL without "?" and "#"');
  if (audience === '') throw new MeshError('invalid', 'a token audience is required');
  return { kind: 'jwt', attest: async (credentials) => await attest(credentials, options) };
}

async function attest({ token }: Credentials, options: JwtAttestorOptions): Promise<Attestation> {
  if (token === undefined || issuerOf(token) !== options.issuer) return notMine;
  const claims = await verified(token, options);
  if (typeof claims === 'string') return refused(claims, { kind: 'jwt', details: { issuer: options.issuer } });
  const found = options.identityOf(claims);
  const evidence = { kind: 'jwt', details: detailsOf(claims) };
  if (!found.ok) return refused(`the token names no workload: ${found.reason}`, evidence);
  const id: SpiffeId = { trustDomain: options.trustDomain, ...found.identity };
  try {
    formatSpiffeId(id);
  } catch (error) {
    return refused(messageOf(error), evidence);
  }
  if (options.isRunning && !(await options.isRunning(claims)))
    return refused('the workload does not run any more', evidence);
  return { outcome: 'proven', id, evidence };
}

/** The issuer that an unverified token names: it only chooses who verifies it. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

async function verified(token: string, options: JwtAttestorOptions): Promise<JWTPayload | string> {
  const { issuer, audience, clock, algorithms = defaultAlgorithms } = options;
  try {
    const { payload } = await jwtVerify(token, keysOrUnavailable(options), {
      issuer,
      audience,
      algorithms: [...algorithms],
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
      throw new MeshError('unavailable', `the keys of ${issuer} can not be had: ${messageOf(error)}`);
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
