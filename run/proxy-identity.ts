// The flags of `sidecar` and `gateway` that say where the workload's identity comes from, and with what proof.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { IdentitySource } from '../agent/identity/agent-identity.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { trustDomainProblem } from '../mesh/spiffe-id.ts';
import { defaultTrustDomain } from './config-citadel.ts';

/** What is absent takes its default; without `citadel` the proxy has no identity. */
export interface IdentityFlags {
  readonly citadel?: readonly string[];
  /** PEM file: Citadel's root-cert.pem. */
  readonly citadelRoots?: string;
  readonly trustDomain?: string;
  /** File with a token that can be used once. */
  readonly joinTokenFile?: string;
  /** File with a token that the platform renews, such as Kubernetes' projected one. */
  readonly tokenFile?: string;
  /** In ms. */
  readonly svidTtl?: number;
  readonly xdsPlaintext?: boolean;
}

/** A join token for this start alone: the environment, unlike a command line, is not shown to other users of the machine. */
export const joinTokenVariable = 'PERIPLUS_JOIN_TOKEN';

/** What the flags mean; undefined: no identity. Throws MeshError `usage`. Files are read when they are needed, each time anew. */
export function identitySourceOf(
  flags: IdentityFlags,
  means: { readonly workingDirectory: string; readonly env: Readonly<Record<string, string | undefined>> },
): IdentitySource | undefined {
  const [first, ...others] = flags.citadel ?? [];
  const { citadelRoots, trustDomain = defaultTrustDomain, svidTtl } = flags;
  if (first === undefined) {
    refuseWithoutCitadel(flags);
    return undefined;
  }
  for (const address of [first, ...others])
    if (!/^.+:\d{1,5}$/.test(address)) throw new MeshError('usage', `--citadel "${address}": give HOST:PORT`);
  const problem = trustDomainProblem(trustDomain);
  if (problem) throw new MeshError('usage', `--trust-domain "${trustDomain}": ${problem}`);
  const path = citadelRoots === undefined ? undefined : resolve(means.workingDirectory, citadelRoots);
  return {
    citadelAddresses: [first, ...others],
    trustDomain,
    roots: async () => await rootsIn(path),
    token: tokenOf(flags, means),
    ...(svidTtl !== undefined && { lifeSeconds: Math.ceil(svidTtl / 1000) }),
    xds: flags.xdsPlaintext ? 'plaintext' : 'mtls',
  };
}

function refuseWithoutCitadel(flags: IdentityFlags): void {
  const { citadelRoots, trustDomain, joinTokenFile, tokenFile, svidTtl } = flags;
  if (citadelRoots ?? trustDomain ?? joinTokenFile ?? tokenFile ?? svidTtl)
    throw new MeshError(
      'usage',
      '--citadel-roots, --trust-domain, --join-token-file, --token-file and --svid-ttl need --citadel HOST:PORT',
    );
}

function tokenOf(
  { joinTokenFile, tokenFile }: IdentityFlags,
  {
    workingDirectory,
    env,
  }: { readonly workingDirectory: string; readonly env: Readonly<Record<string, string | undefined>> },
): IdentitySource['token'] {
  const fromEnv = env[joinTokenVariable] || undefined;
  const given = [joinTokenFile, tokenFile, fromEnv].filter((proof) => proof !== undefined);
  if (given.length > 1)
    throw new MeshError('usage', `give one of --join-token-file, --token-file and ${joinTokenVariable}`);
  const file = joinTokenFile ?? tokenFile;
  if (file === undefined) return async () => fromEnv;
  const path = resolve(workingDirectory, file);
  // A join token that was used may be gone from the disk: the SVID is the proof then.
  return async (held) => (held && joinTokenFile !== undefined ? undefined : await textIn(path));
}

async function rootsIn(path: string | undefined): Promise<string> {
  const roots = path === undefined ? undefined : await textIn(path);
  if (roots !== undefined) return `${roots}\n`;
  const what = path === undefined ? 'give --citadel-roots FILE' : `${path} is missing`;
  throw new MeshError(
    'unavailable',
    `Citadel's root certificate is not known: ${what} (Citadel's DATA/citadel/root-cert.pem)`,
  );
}

/** Undefined when the file is missing or empty. */
async function textIn(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch (error) {
    if (Object(error).code === 'ENOENT') return undefined;
    throw new MeshError('unavailable', `${path} can not be read`, { cause: error });
  }
}
