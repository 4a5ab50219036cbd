// How a cluster's API server is reached and who we are to it. Holds secrets: never log it, never put it into an event.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Credential, CredentialProgram } from './exec-credentials.ts';

/** Where a bearer token comes from: given, or read anew for every request from a file that something else keeps fresh. */
export type TokenSource = { readonly token: string } | { readonly tokenFile: string };

/** See the file's first line. */
export interface ClusterAccess {
  /** `https://HOST:PORT`, without a slash at its end; may have a path. */
  readonly server: string;
  /** For people: the kubeconfig's context, or `in-cluster`. */
  readonly name: string;
  /** PEM; the system's authorities when absent. */
  readonly authority?: string;
  /** Accepts any certificate. */
  readonly insecure?: boolean;
  /** Name expected in the server's certificate when it is not the URL's host. */
  readonly serverName?: string;
  readonly token?: TokenSource;
  /** Certificate and key that we show, PEM. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Where token or certificate come from a program. */
  readonly program?: CredentialProgram;
}

/** Where every pod finds its service account (kubernetes.io/docs/tasks/run-application/access-api-from-pod). */
const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The access of a pod to its own cluster. Rejects with MeshError `usage` when this process is in none. */
export async function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  folder: string = serviceAccountFolder,
): Promise<ClusterAccess> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host)
    throw new MeshError('usage', 'this process is in no Kubernetes cluster: KUBERNETES_SERVICE_HOST is not set');
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    name: 'in-cluster',
    authority: await readAccessFile(join(folder, 'ca.crt'), 'the authority of the cluster'),
    token: { tokenFile: join(folder, 'token') },
  };
}

/** A file that access needs. Rejects with MeshError `usage` naming it. */
export async function readAccessFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new MeshError('usage', `${what} can't be read: ${messageOf(error)}`, { cause: error });
  }
}

/** What is shown to the API server now. Rejects with MeshError `unavailable` when it can't be had: it may be there again later. */
export async function currentCredential({ token, client, program }: ClusterAccess): Promise<Credential> {
  if (program) return await program.current();
  const current = await currentToken(token);
  return { ...(current !== undefined && { token: current }), ...(client && { client }) };
}

/** Its certificate alone: no file is read for it. Rejects as currentCredential does. */
export async function currentClient({ client, program }: ClusterAccess): Promise<Credential['client']> {
  return program ? (await program.current()).client : client;
}

/** The token as it is now. Rejects with MeshError `unavailable` when its file can't be read: it may be there again later. */
export async function currentToken(source: TokenSource | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  if ('token' in source) return source.token;
  try {
    return (await readFile(source.tokenFile, 'utf8')).trim();
  } catch (error) {
    throw new MeshError('unavailable', `the token file can't be read: ${messageOf(error)}`, { cause: error });
  }
}
