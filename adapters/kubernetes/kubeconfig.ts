// Kubeconfig files (kubernetes.io/docs/reference/config-api/kubeconfig.v1) into the access of one context.
import { dirname, resolve } from 'node:path';
import { MeshError } from '../../lib/mesh-error.ts';
import { readYaml } from '../../mesh/config/yaml-source.ts';
import { type ClusterAccess, readAccessFile } from './access.ts';
import { credentialProgram, type ExecConfig } from './exec-credentials.ts';

/** Which context of which file. */
export interface KubeconfigOptions {
  readonly path: string;
  /** The file's `current-context` by default. */
  readonly context?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the file and the files that it names. Rejects with MeshError `usage` saying what is wrong; no message holds its secrets. */
export async function readKubeconfig({ path, context }: KubeconfigOptions): Promise<ClusterAccess> {
  const text = await readAccessFile(path, `the kubeconfig ${path}`);
  return await accessIn(text, { path, ...(context !== undefined && { context }) });
}

async function accessIn(text: string, { path, context: wanted }: KubeconfigOptions): Promise<ClusterAccess> {
  const fail = (message: string) => new MeshError('usage', `kubeconfig ${path}: ${message}`);
  const { documents, problems } = readYaml(text, {});
  const [problem] = problems;
  // The message of a syntax error may quote the line, and the line may hold a token.
  if (problem) throw fail(`line ${problem.line ?? 1}, column ${problem.column ?? 1}: not valid YAML`);
  const root = fieldsIn(documents[0]?.value);
  const contextName = wanted ?? textIn(root, 'current-context');
  if (!contextName)
    throw fail(`it has no current-context; give one with --kube-context (${namesIn(root, 'contexts')})`);
  const context = named(root, 'contexts', 'context', contextName);
  if (!context) throw fail(`it has no context "${contextName}"; it has ${namesIn(root, 'contexts')}`);
  const clusterName = textIn(context, 'cluster') ?? '';
  const cluster = named(root, 'clusters', 'cluster', clusterName);
  if (!cluster) throw fail(`context "${contextName}" names the cluster "${clusterName}", which it has not`);
  const userName = textIn(context, 'user') ?? '';
  const user = userName === '' ? {} : named(root, 'users', 'user', userName);
  if (!user) throw fail(`context "${contextName}" names the user "${userName}", which it has not`);
  refuseUnsupported(user, cluster, { userName, clusterName, fail });
  const folder = dirname(resolve(path));
  const material = materialReader(folder, fail);
  const certificate = await material(user, 'client-certificate');
  const key = await material(user, 'client-key');
  if ((certificate === undefined) !== (key === undefined))
    throw fail(`user "${userName}" needs both client-certificate and client-key`);
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  const authority = insecure ? undefined : await material(cluster, 'certificate-authority');
  const serverName = textIn(cluster, 'tls-server-name');
  const tokenFile = textIn(user, 'tokenFile');
  const token = textIn(user, 'token');
  const server = serverIn(cluster, clusterName, fail);
  const authorityData = authority && { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  const exec = execIn(user.exec, { userName, folder, cluster: { ...cluster, server, ...authorityData }, fail });
  return {
    server,
    name: contextName,
    ...(authority !== undefined && { authority }),
    ...(insecure && { insecure }),
    ...(serverName && { serverName }),
    // client-go prefers the file, which something keeps fresh.
    ...(tokenFile ? { token: { tokenFile: resolve(folder, tokenFile) } } : token && { token: { token } }),
    ...(certificate !== undefined && key !== undefined && { client: { certificate, key } }),
    // As kubectl does: a program is only asked where nothing else is given.
    ...(exec && !token && !tokenFile && certificate === undefined && { program: credentialProgram(exec) }),
  };
}

/** A user's `exec` (kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig). */
function execIn(
  value: unknown,
  of: {
    readonly userName: string;
    readonly folder: string;
    readonly cluster: Fields;
    readonly fail: (message: string) => MeshError;
  },
): ExecConfig | undefined {
  if (value === undefined) return undefined;
  const exec = fieldsIn(value);
  const wrong = (what: string) => of.fail(`user "${of.userName}": ${what}`);
  const [apiVersion = '', command = ''] = [textIn(exec, 'apiVersion'), textIn(exec, 'command')];
  if (!/^client\.authentication\.k8s\.io\/v1(?:beta1)?$/.test(apiVersion))
    throw wrong('exec.apiVersion must be client.authentication.k8s.io/v1 or v1beta1');
  if (command === '') throw wrong('exec names no command');
  if (exec.interactiveMode === 'Always')
    throw wrong(`${command} wants a terminal (interactiveMode: Always), which is not there`);
  const env = entriesIn(exec, 'env').map(
    (entry) => [textIn(entry, 'name') ?? '', textIn(entry, 'value') ?? ''] as const,
  );
  return {
    apiVersion,
    // A path is relative to the kubeconfig, a bare name is looked for in PATH.
    command: command.includes('/') ? resolve(of.folder, command) : command,
    args: Array.isArray(exec.args) ? exec.args.map(String) : [],
    env: Object.fromEntries(env),
    ...(exec.provideClusterInfo === true && { cluster: clusterInfo(of.cluster) }),
  };
}

/** What a program may know of the cluster (kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster). */
function clusterInfo(cluster: Fields): Fields {
  const names = ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'certificate-authority-data'];
  const known = names.flatMap((name) => (cluster[name] === undefined ? [] : [[name, cluster[name]] as const]));
  const own = entriesIn(cluster, 'extensions').find(({ name }) => name === 'client.authentication.k8s.io/exec');
  return { ...Object.fromEntries(known), ...(own && { config: own.extension }) };
}

function serverIn(cluster: Fields, name: string, fail: (message: string) => MeshError): string {
  const server = textIn(cluster, 'server') ?? '';
  const url = URL.parse(server);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.search)
    throw fail(`cluster "${name}" has no usable server: expected https://HOST:PORT`);
  return server.replace(/\/+$/, '');
}

function refuseUnsupported(
  user: Fields,
  cluster: Fields,
  { userName, clusterName, fail }: { userName: string; clusterName: string; fail: (message: string) => MeshError },
): void {
  if (user['auth-provider'] !== undefined)
    throw fail(
      `user "${userName}" has an auth-provider, which Kubernetes no longer has: use exec, a token, a tokenFile or a client certificate`,
    );
  if (user.username !== undefined) throw fail(`user "${userName}" has a password, which Kubernetes no longer accepts`);
  if (cluster['proxy-url'] !== undefined)
    throw fail(`cluster "${clusterName}" has a proxy-url, which is not supported`);
}

/** Reads PEM from `NAME-data` (base64) or the file that `NAME` names, relative to the kubeconfig. */
function materialReader(folder: string, fail: (message: string) => MeshError) {
  return async (from: Fields, name: string): Promise<string | undefined> => {
    const data = textIn(from, `${name}-data`);
    if (data) {
      const pem = Buffer.from(data, 'base64').toString('utf8');
      if (!pem.includes('-----BEGIN ')) throw fail(`${name}-data is not PEM in base64`);
      return pem;
    }
    const file = textIn(from, name);
    return file ? await readAccessFile(resolve(folder, file), name) : undefined;
  };
}

function fieldsIn(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textIn(from: Fields, name: string): string | undefined {
  const value = from[name];
  return typeof value === 'string' ? value : undefined;
}

function entriesIn(root: Fields, list: string): readonly Fields[] {
  const entries = root[list];
  return Array.isArray(entries) ? entries.map(fieldsIn) : [];
}

function named(root: Fields, list: string, field: string, name: string): Fields | undefined {
  const entry = entriesIn(root, list).find((one) => one.name === name);
  return entry && fieldsIn(entry[field]);
}

function namesIn(root: Fields, list: string): string {
  const names = entriesIn(root, list).map((entry) => String(entry.name));
  return names.length === 0 ? 'none' : names.join(', ');
}
