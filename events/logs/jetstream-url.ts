// `--log nats://…`: where the servers are, whose mesh it is and how this client proves who it is.
import { MeshError } from '../../lib/mesh-error.ts';

/** What a URL says. */
export interface JetStreamAddress {
  /** `host:port`, several of a cluster. */
  readonly servers: readonly string[];
  /** Prefix of streams and subjects: several meshes may share one NATS. */
  readonly mesh: string;
  readonly tls: boolean;
  readonly caFile?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** File of a JWT and its seed, as `nsc` writes it. */
  readonly credentialsFile?: string;
  /** File of an nkey seed. */
  readonly nkeyFile?: string;
  /** Where answers arrive; needed where permissions deny `_INBOX.>`. */
  readonly inboxPrefix?: string;
  /** Copies of each message in a cluster. */
  readonly replicas: number;
  /** How long leases outlive their last renewal, where this client makes their bucket. */
  readonly leaseMs?: number;
  /** The server's monitoring port or URL, by which it can be seen whether it syncs every write. */
  readonly monitoring?: string;
}

/** Prefix when the URL names none. */
export const defaultMesh = 'periplus';

const parameters: readonly string[] = ['ca', 'creds', 'nkey', 'inbox', 'replicas', 'monitoring', 'lease'];

/**
 * Parses `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]…][/MESH][?creds=FILE&nkey=FILE&ca=FILE&inbox=PREFIX&replicas=N&monitoring=PORT&lease=SECONDS]`;
 * `tls://` insists on TLS. Throws MeshError `usage` saying what is wrong.
 */
export function parseJetStreamUrl(text: string): JetStreamAddress {
  const match = /^(nats|tls):\/\/(?:([^@/]*)@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (match === null) throw new MeshError('usage', `"${hidden(text)}" is no NATS URL: give nats://HOST:PORT`);
  const [, scheme, credentials, hosts = '', path = '', query = ''] = match;
  const mesh = meshNameOf(path === '' ? defaultMesh : path);
  const options = new URLSearchParams(query);
  for (const name of options.keys())
    if (!parameters.includes(name))
      throw new MeshError('usage', `the NATS URL's option "${name}" is unknown; there are ${parameters.join(', ')}`);
  const replicas = Number(options.get('replicas') ?? '1');
  if (![1, 3, 5].includes(replicas))
    throw new MeshError('usage', `replicas=${options.get('replicas')}: JetStream keeps 1, 3 or 5 copies`);
  const leaseSeconds = Number(options.get('lease') ?? '15');
  if (!(leaseSeconds >= 1 && leaseSeconds <= 3600))
    throw new MeshError('usage', `lease=${options.get('lease')}: a lease lasts 1 to 3600 seconds`);
  return {
    servers: hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:4222`)),
    mesh,
    tls: scheme === 'tls',
    replicas,
    ...(options.has('lease') && { leaseMs: leaseSeconds * 1_000 }),
    ...login(credentials),
    ...optional('caFile', options.get('ca')),
    ...optional('credentialsFile', options.get('creds')),
    ...optional('nkeyFile', options.get('nkey')),
    ...optional('inboxPrefix', options.get('inbox')),
    ...optional('monitoring', monitoringUrl(options.get('monitoring'), hosts)),
  };
}

/** The name, checked: it is part of streams' names and of subjects. Throws MeshError `usage`. */
export function meshNameOf(name: string): string {
  if (/^[A-Za-z0-9_-]{1,32}$/.test(name)) return name;
  throw new MeshError('usage', `"${name}" can't be the mesh's name in NATS: letters, digits, - and _, at most 32`);
}

/** The URL without its password or token, for people. */
export function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

function login(credentials: string | undefined): Pick<JetStreamAddress, 'user' | 'password' | 'token'> {
  if (credentials === undefined || credentials === '') return {};
  const colon = credentials.indexOf(':');
  if (colon < 0) return { token: decodeURIComponent(credentials) };
  const part = (from: number, to?: number) => decodeURIComponent(credentials.slice(from, to));
  return { user: part(0, colon), password: part(colon + 1) };
}

function monitoringUrl(value: string | null, hosts: string): string | null {
  if (value === null || !/^\d+$/.test(value)) return value;
  const host = (hosts.split(',')[0] ?? '').replace(/:\d+$/, '');
  return `http://${host}:${value}`;
}

function optional<Name extends string>(name: Name, value: string | null): { [K in Name]?: string } {
  return (value === null ? {} : { [name]: value }) as { [K in Name]?: string };
}
