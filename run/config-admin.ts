// The part of a process's configuration that says who may reach its admin API.
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { MeshError } from '../lib/mesh-error.ts';
import type { AdminTlsFiles } from '../services/pilot/admin/auth/admin-tls.ts';
import { type ClientRule, clientRuleOf } from '../services/pilot/admin/auth/client-certificates.ts';

/** Flags of `serve` and `up` for the admin API. */
export interface AdminFlags {
  readonly adminHost?: string;
  readonly adminTlsCert?: string;
  readonly adminTlsKey?: string;
  readonly adminTlsClientCa?: string;
  /** Each `ROLE=NAME`. */
  readonly adminClient?: readonly string[];
  readonly adminHostAddress?: readonly string[];
}

/** See the file's first line. */
export interface AdminConfig {
  /** Address to listen on. */
  readonly host: string;
  readonly tls: AdminTlsFiles | undefined;
  readonly clients: readonly ClientRule[];
  readonly hostAddresses: readonly string[];
  /** Folder of the tokens' hashes. */
  readonly tokenFolder: string;
}

/** Where the tokens of a process with this data directory are. */
export function tokenFolderOf(dataDirectory: string): string {
  return join(dataDirectory, 'admin-tokens');
}

/** What the flags mean. Throws MeshError `usage` for what is wrong or does not go together. */
export function adminConfigOf(
  flags: AdminFlags,
  means: { readonly host: string; readonly workingDirectory: string; readonly dataDirectory: string },
): AdminConfig {
  const { adminTlsCert, adminTlsKey, adminTlsClientCa, adminClient = [], adminHostAddress = [] } = flags;
  const at = (path: string) => resolve(means.workingDirectory, path);
  if ((adminTlsCert === undefined) !== (adminTlsKey === undefined))
    throw new MeshError('usage', '--admin-tls-cert and --admin-tls-key go together');
  if (adminTlsClientCa !== undefined && adminTlsCert === undefined)
    throw new MeshError('usage', '--admin-tls-client-ca needs --admin-tls-cert and --admin-tls-key');
  if (adminClient.length > 0 !== (adminTlsClientCa !== undefined))
    throw new MeshError(
      'usage',
      '--admin-client and --admin-tls-client-ca go together: whom to believe, and who may do what',
    );
  for (const address of adminHostAddress)
    if (isIP(address) === 0) throw new MeshError('usage', `--admin-host-address "${address}" is no IP address`);
  return {
    host: flags.adminHost ?? means.host,
    tls:
      adminTlsCert === undefined || adminTlsKey === undefined
        ? undefined
        : {
            certificate: at(adminTlsCert),
            key: at(adminTlsKey),
            ...(adminTlsClientCa !== undefined && { clientCa: at(adminTlsClientCa) }),
          },
    clients: adminClient.map(clientRuleOf),
    hostAddresses: adminHostAddress,
    tokenFolder: tokenFolderOf(means.dataDirectory),
  };
}
