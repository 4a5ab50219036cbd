// The part of a process's configuration that is Citadel's.
import { join, resolve } from 'node:path';
import { MeshError } from '../lib/mesh-error.ts';
import { trustDomainProblem } from '../mesh/spiffe-id.ts';
import type { AttestConfig, TokenIssuer } from '../services/citadel/attest/configured.ts';
import type { CitadelConfig } from '../services/citadel/citadel.ts';
import type { FederatedDomain } from '../services/citadel/federation/fetch-bundle.ts';

/** Flags of `serve` and `up` for the role citadel. */
export interface CitadelFlags {
  readonly citadelPort?: number;
  /** Citadels of other processes. */
  readonly citadel?: readonly string[];
  readonly trustDomain?: string;
  readonly caCerts?: string;
  /** Each `PLATFORM=ISSUER,JWKS-URL[,AUDIENCE]`. */
  readonly tokenIssuer?: readonly string[];
  readonly citadelWebPort?: number;
  readonly citadelWebCert?: string;
  readonly citadelWebKey?: string;
  readonly jwtIssuer?: string;
  readonly tokenAudience?: string;
  /** `URL[,ISSUER]`. */
  readonly attestNomad?: string;
  readonly attestConsul?: string;
  readonly attestCa?: string;
  /** Each `TRUST-DOMAIN=URL[,SPIFFE-ID,FILE]` or `TRUST-DOMAIN=FILE`. */
  readonly federate?: readonly string[];
}

/** As Istio's Citadel. */
export const defaultCitadelPort = 8060;
/** Citadel's neighbour: OIDC discovery and the trust bundle, over HTTPS. */
export const defaultCitadelWebPort = 8061;
/** As Istio and Kubernetes. */
export const defaultTrustDomain = 'cluster.local';
/** What tokens have to be made for, unless the flag says otherwise. */
export const defaultTokenAudience = 'periplus-citadel';
/** The environment, unlike a command line, is not shown to other users of the machine. */
export const passphraseVariable = 'PERIPLUS_CA_PASSPHRASE';

/** Undefined when Citadel is not wanted. Throws MeshError `usage` for what is wrong, or for flags of a Citadel that is not there. */
export function citadelConfigOf(
  flags: CitadelFlags,
  means: {
    readonly wanted: boolean;
    readonly workingDirectory: string;
    readonly dataDirectory: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
  },
): CitadelConfig | undefined {
  const { citadelPort, trustDomain = defaultTrustDomain, caCerts } = flags;
  const env = means.env ?? process.env;
  if (!means.wanted) {
    // A Pilot has a trust domain as well when its Citadel is another process.
    const own = citadelFlags.filter((flag) => flag !== 'trustDomain' || flags.citadel === undefined);
    const given = own.filter((flag) => flags[flag] !== undefined && flags[flag]?.toString() !== '');
    if (given.length > 0)
      throw new MeshError('usage', `${given.map(flagName).join(', ')}: add the role citadel (--roles), which reads it`);
    return undefined;
  }
  return {
    trustDomain,
    port: citadelPort ?? defaultCitadelPort,
    folder: join(means.dataDirectory, 'citadel'),
    passphrase: env[passphraseVariable] || undefined,
    pluggedIn: caCerts === undefined ? undefined : resolve(means.workingDirectory, caCerts),
    attest: attestConfigOf(flags, { workingDirectory: means.workingDirectory, env }),
    federation: (flags.federate ?? []).map((text) => federatedDomainOf(text, means.workingDirectory)),
    web: webConfigOf(flags, means.workingDirectory),
  };
}

/** All of them: none means anything without the role. */
const citadelFlags = [
  'citadelPort',
  'trustDomain',
  'caCerts',
  'tokenIssuer',
  'citadelWebPort',
  'citadelWebCert',
  'citadelWebKey',
  'jwtIssuer',
  'tokenAudience',
  'attestNomad',
  'attestConsul',
  'attestCa',
  'federate',
] as const satisfies readonly (keyof CitadelFlags)[];

const flagName = (flag: string) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function attestConfigOf(
  flags: CitadelFlags,
  { workingDirectory, env }: { workingDirectory: string; env: Readonly<Record<string, string | undefined>> },
): AttestConfig {
  const { tokenIssuer = [], tokenAudience = defaultTokenAudience, attestNomad, attestConsul, attestCa } = flags;
  if (tokenAudience === '')
    throw new MeshError('usage', '--token-audience is empty: give the name that tokens are made for');
  const file = (path: string | undefined) => (path ? resolve(workingDirectory, path) : undefined);
  const [url = '', issuer, ...more] = attestNomad?.split(',') ?? [];
  if (attestNomad !== undefined && (!isHttpUrl(url) || issuer === '' || more.length > 0))
    throw new MeshError(
      'usage',
      `--attest-nomad "${attestNomad}": give URL or URL,ISSUER (server setting oidc_issuer)`,
    );
  if (attestConsul !== undefined && !isHttpUrl(attestConsul))
    throw new MeshError('usage', `--attest-consul "${attestConsul}": give the URL of Consul's HTTP API`);
  return {
    tokenIssuers: tokenIssuer.map((text) => tokenIssuerOf(text, tokenAudience)),
    tokenAudience,
    nomad:
      attestNomad === undefined
        ? undefined
        : { url, issuer, token: env.NOMAD_TOKEN || undefined, caFile: file(env.NOMAD_CACERT) },
    consul: attestConsul === undefined ? undefined : { url: attestConsul, caFile: file(env.CONSUL_CACERT) },
    authoritiesFile: file(attestCa),
  };
}

function federatedDomainOf(text: string, workingDirectory: string): FederatedDomain {
  const [trustDomain, rest] = splitOnce(text, '=');
  const [place = '', endpointId, initialFile, ...more] = rest.split(',');
  const problem = trustDomainProblem(trustDomain);
  const isUrl = /^[a-z]+:\/\//.test(place);
  const isRight = isUrl
    ? URL.canParse(place) && /^https:[^#]+$/.test(place) && (endpointId?.startsWith('spiffe://') ?? true)
    : place !== '' && endpointId === undefined;
  if (problem || !isRight || more.length > 0 || (endpointId !== undefined && !initialFile))
    throw new MeshError(
      'usage',
      `--federate "${text}": give TRUST-DOMAIN=https://URL (its certificate of the web), TRUST-DOMAIN=https://URL,SPIFFE-ID,FILE (its own SVID; FILE: its roots for the first time), or TRUST-DOMAIN=FILE`,
    );
  const file = (path: string) => resolve(workingDirectory, path);
  if (!isUrl) return { trustDomain, source: { file: file(place) } };
  return { trustDomain, source: { url: place, endpointId, initialFile: initialFile && file(initialFile) } };
}

const isHttpUrl = (text: string) => URL.canParse(text) && /^https?:[^?#]+$/.test(text);

function webConfigOf(flags: CitadelFlags, workingDirectory: string): CitadelConfig['web'] {
  const { citadelWebPort: port = defaultCitadelWebPort, citadelWebCert, citadelWebKey, jwtIssuer } = flags;
  if ((citadelWebCert === undefined) !== (citadelWebKey === undefined))
    throw new MeshError('usage', '--citadel-web-cert and --citadel-web-key belong together');
  // OpenID Connect Discovery, section 3: https, no query, no fragment.
  if (jwtIssuer !== undefined && !(URL.canParse(jwtIssuer) && /^https:[^?#\s]+$/.test(jwtIssuer)))
    throw new MeshError('usage', `--jwt-issuer "${jwtIssuer}": give an https URL without "?" and "#"`);
  const path = (file: string) => resolve(workingDirectory, file);
  const isWeb = citadelWebCert !== undefined && citadelWebKey !== undefined;
  return {
    port,
    issuer: jwtIssuer?.replace(/\/$/, ''),
    certificate: isWeb ? { certificate: path(citadelWebCert), key: path(citadelWebKey) } : undefined,
  };
}

function tokenIssuerOf(text: string, defaultAudience: string): TokenIssuer {
  const [platform, rest] = splitOnce(text, '=');
  const [issuer = '', jwksUrl = '', audience = defaultAudience, ...more] = rest.split(',');
  const known = platform === 'kubernetes' || platform === 'nomad';
  if (known && URL.canParse(issuer) && URL.canParse(jwksUrl) && audience !== '' && more.length === 0)
    return { platform, issuer, jwksUrl, audience };
  throw new MeshError('usage', `--token-issuer "${text}": give kubernetes=ISSUER,JWKS-URL[,AUDIENCE], or nomad=…`);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
