// The part of a process's configuration that says which Nomad it reads.
import { resolve } from 'node:path';
import { type NomadAccess, nomadUrl } from '../adapters/nomad/client.ts';
import { defaultHostname } from '../adapters/nomad/translate.ts';
import { MeshError } from '../lib/mesh-error.ts';

/** One region. */
export interface NomadRegionConfig {
  readonly access: NomadAccess;
  readonly hostname: string;
}

/** Flags about Nomad; secrets and files may come from the variables that Nomad's own command line reads. */
export interface NomadFlags {
  readonly nomad?: string;
  readonly nomadRegion?: readonly string[];
  readonly nomadNamespace?: string;
  readonly nomadHostname?: string;
  readonly nomadTokenFile?: string;
  readonly nomadCa?: string;
  readonly nomadCert?: string;
  readonly nomadKey?: string;
  readonly nomadServerName?: string;
}

/** The regions that `flags` mean; `wanted`: this process has the role adapters. Throws MeshError `usage`. */
export function nomadRegionsOf(
  flags: NomadFlags,
  {
    workingDirectory,
    wanted,
    env,
  }: { readonly workingDirectory: string; readonly wanted: boolean; readonly env: NodeJS.ProcessEnv },
): readonly NomadRegionConfig[] {
  if (flags.nomad === undefined) {
    const other = Object.keys(flags).find((flag) => flag.startsWith('nomad'));
    if (other !== undefined) throw new MeshError('usage', 'the flags about Nomad need --nomad URL');
    return [];
  }
  if (!wanted) throw new MeshError('usage', '--nomad is read by the role adapters: add it to --roles');
  nomadUrl(flags.nomad);
  const hostname = flags.nomadHostname ?? defaultHostname;
  if (!/\bNAME\b/.test(hostname))
    throw new MeshError('usage', `--nomad-hostname "${hostname}" has no NAME: give e.g. NAME.NS.nomad`);
  const regions = flags.nomadRegion ?? [undefined];
  if (new Set(regions).size < regions.length) throw new MeshError('usage', '--nomad-region: one region is given twice');
  const access = accessOf(flags, { url: flags.nomad, workingDirectory, env });
  return regions.map((region) => ({ access: { ...access, ...(region !== undefined && { region }) }, hostname }));
}

function accessOf(
  flags: NomadFlags,
  {
    url,
    workingDirectory,
    env,
  }: { readonly url: string; readonly workingDirectory: string; readonly env: NodeJS.ProcessEnv },
): NomadAccess {
  const path = (file: string | undefined) => (file ? resolve(workingDirectory, file) : undefined);
  const caFile = path(flags.nomadCa ?? env.NOMAD_CACERT);
  const certFile = path(flags.nomadCert ?? env.NOMAD_CLIENT_CERT);
  const keyFile = path(flags.nomadKey ?? env.NOMAD_CLIENT_KEY);
  const serverName = flags.nomadServerName ?? env.NOMAD_TLS_SERVER_NAME;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new MeshError('usage', '--nomad-cert and --nomad-key belong together');
  const namespace = flags.nomadNamespace ?? env.NOMAD_NAMESPACE;
  const tokenFile = path(flags.nomadTokenFile);
  return {
    url,
    ...(namespace && { namespace }),
    ...(env.NOMAD_TOKEN && { token: env.NOMAD_TOKEN }),
    ...(tokenFile && { tokenFile }),
    tls: {
      ...(caFile && { caFile }),
      ...(certFile && { certFile }),
      ...(keyFile && { keyFile }),
      ...(serverName && { serverName }),
    },
  };
}
