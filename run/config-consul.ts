// The part of a process's configuration that says which Consul datacenters it reads.
import { resolve } from 'node:path';
import { type ConsulAccess, consulUrl } from '../adapters/consul/client.ts';
import { type ConsulMapping, defaultMapping } from '../adapters/consul/translate.ts';
import { MeshError } from '../lib/mesh-error.ts';

/** One datacenter. */
export interface ConsulDatacenterConfig {
  readonly access: ConsulAccess;
  readonly mapping: ConsulMapping;
}

/** Flags about Consul; secrets and files may come from the variables that Consul's own command line reads. */
export interface ConsulFlags {
  readonly consul?: string;
  readonly consulDatacenter?: readonly string[];
  readonly consulHostname?: string;
  readonly consulNamespace?: string;
  readonly consulPartition?: string;
  readonly consulTokenFile?: string;
  readonly consulCa?: string;
  readonly consulCert?: string;
  readonly consulKey?: string;
  readonly consulServerName?: string;
}

/** The datacenters that `flags` mean; `wanted`: this process has the role adapters. Throws MeshError `usage`. */
export function consulDatacentersOf(
  flags: ConsulFlags,
  {
    workingDirectory,
    wanted,
    env,
  }: { readonly workingDirectory: string; readonly wanted: boolean; readonly env: NodeJS.ProcessEnv },
): readonly ConsulDatacenterConfig[] {
  if (flags.consul === undefined) {
    const other = Object.keys(flags).find((flag) => flag.startsWith('consul'));
    if (other !== undefined) throw new MeshError('usage', 'the flags about Consul need --consul URL');
    return [];
  }
  if (!wanted) throw new MeshError('usage', '--consul is read by the role adapters: add it to --roles');
  consulUrl(flags.consul);
  const hostname = flags.consulHostname ?? defaultMapping.hostname;
  if (!/\bNAME\b/.test(hostname))
    throw new MeshError('usage', `--consul-hostname "${hostname}" has no NAME: give e.g. NAME.NS.svc.cluster.local`);
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(workingDirectory, file));
  const tls = {
    caFile: path(flags.consulCa ?? env.CONSUL_CACERT),
    certFile: path(flags.consulCert ?? env.CONSUL_CLIENT_CERT),
    keyFile: path(flags.consulKey ?? env.CONSUL_CLIENT_KEY),
    serverName: flags.consulServerName ?? env.CONSUL_TLS_SERVER_NAME,
  };
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    throw new MeshError('usage', '--consul-cert and --consul-key belong together');
  const shared = {
    url: flags.consul,
    namespace: flags.consulNamespace ?? env.CONSUL_NAMESPACE,
    partition: flags.consulPartition ?? env.CONSUL_PARTITION,
    token: env.CONSUL_HTTP_TOKEN,
    tokenFile: path(flags.consulTokenFile ?? env.CONSUL_HTTP_TOKEN_FILE),
  };
  const datacenters = flags.consulDatacenter ?? [undefined];
  if (new Set(datacenters).size < datacenters.length)
    throw new MeshError('usage', '--consul-datacenter: one datacenter is given twice');
  return datacenters.map((datacenter) => ({
    access: { ...defined({ ...shared, datacenter }), url: shared.url, tls: defined(tls) },
    mapping: { hostname },
  }));
}

/** Without what is undefined or empty. */
function defined<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(present) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}
