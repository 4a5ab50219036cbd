// The attestors that a Citadel was told to have, in the order in which they are asked.
import { readFileSync } from 'node:fs';
import type { EventLog } from '../../../events/event-log.ts';
import type { Clock } from '../../../lib/clock.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { splitCertificates } from '../x509/inspect.ts';
import type { PlatformAccess } from './ask-platform.ts';
import type { Attestor } from './attestor.ts';
import { createConsulTokenAttestor } from './consul-token.ts';
import { createJoinTokenAttestor } from './join-token.ts';
import { createJwtAttestor, remoteKeys } from './jwt.ts';
import { kubernetesIdentity, nomadIdentity } from './jwt-claims.ts';
import { allocationRuns } from './nomad-allocation.ts';
import { createTokenReviewAttestor } from './token-review.ts';
import { createForeignX509Attestor } from './x509-foreign.ts';
import { createX509Attestor } from './x509-pop.ts';

/** A platform whose tokens are believed by their signature alone. */
export interface TokenIssuer {
  readonly platform: 'kubernetes' | 'nomad';
  readonly issuer: string;
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string;
  readonly audience: string;
}

/** A platform's HTTP API. */
export interface PlatformApi {
  /** `http(s)://HOST:PORT`. */
  readonly url: string;
  /** PEM file: the authority of its certificate. */
  readonly caFile: string | undefined;
}

/** Who is believed, beside whoever has an SVID or a join token. */
export interface AttestConfig {
  readonly tokenIssuers: readonly TokenIssuer[];
  /** What tokens for Kubernetes' TokenReview and Nomad's have to be made for. */
  readonly tokenAudience: string;
  /** Workload identities of this Nomad, of allocations that run. `issuer` undefined: its tokens have none. */
  readonly nomad:
    | (PlatformApi & { readonly issuer: string | undefined; readonly token: string | undefined })
    | undefined;
  /** ACL tokens of this Consul. */
  readonly consul: PlatformApi | undefined;
  /** PEM file: certificates that these CAs signed prove the SPIFFE ID that they name. */
  readonly authoritiesFile: string | undefined;
}

/** What attestors stand on. */
export interface AttestMeans {
  readonly trustDomain: string;
  readonly facts: EventLog;
  readonly clock: Clock;
  /** In events. */
  readonly source: string;
  /** Kubernetes, to be asked about tokens. */
  readonly kubernetes?: () => Promise<PlatformAccess & { readonly token?: string }>;
}

/** The attestors, and the CAs whose client certificates TLS has to let through to them. Throws MeshError `invalid` for what can't be used. */
export function configuredAttestors(
  config: AttestConfig,
  means: AttestMeans,
): { readonly attestors: readonly Attestor[]; readonly clientRoots: readonly string[] } {
  const { trustDomain, clock, kubernetes } = means;
  const { tokenAudience: audience, nomad, consul, authoritiesFile } = config;
  const clientRoots = authoritiesFile === undefined ? [] : authoritiesIn(authoritiesFile);
  const attestors: readonly Attestor[] = [
    createJoinTokenAttestor(means),
    ...config.tokenIssuers.map((issuer) =>
      createJwtAttestor({
        ...issuer,
        trustDomain,
        clock,
        identityOf: issuer.platform === 'nomad' ? nomadIdentity : kubernetesIdentity,
        keys: remoteKeys(issuer.jwksUrl),
      }),
    ),
    ...(nomad ? [nomadAttestor(nomad, { trustDomain, clock, audience })] : []),
    ...(consul ? [createConsulTokenAttestor({ access: accessOf(consul), trustDomain })] : []),
    // Behind the others: it takes every JWT that is left.
    ...(kubernetes ? [createTokenReviewAttestor({ access: kubernetes, audience, trustDomain })] : []),
    ...(clientRoots.length > 0 ? [createForeignX509Attestor({ trustDomain, clock, authorities: clientRoots })] : []),
    createX509Attestor({ trustDomain, clock }),
  ];
  return { attestors, clientRoots };
}

function nomadAttestor(
  nomad: NonNullable<AttestConfig['nomad']>,
  common: { readonly trustDomain: string; readonly clock: Clock; readonly audience: string },
): Attestor {
  const { issuer, token } = nomad;
  const access = { ...accessOf(nomad), ...(token !== undefined && { token }) };
  return createJwtAttestor({
    ...common,
    issuer,
    identityOf: nomadIdentity,
    // developer.hashicorp.com/nomad/api-docs/operator/keyring: the public keys of workload identities.
    keys: remoteKeys(`${access.server}/.well-known/jwks.json`, access),
    isRunning: async (claims) => await allocationRuns(claims, access),
  });
}

function accessOf({ url, caFile }: PlatformApi): PlatformAccess {
  return { server: url.replace(/\/+$/, ''), ...(caFile !== undefined && { authority: read(caFile) }) };
}

function authoritiesIn(file: string): readonly string[] {
  try {
    return splitCertificates(read(file));
  } catch (error) {
    throw error instanceof MeshError ? new MeshError('invalid', `${file}: ${error.message}`) : error;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshError('invalid', `${file} can not be read: ${Reflect.get(Object(error), 'code')}`);
  }
}
