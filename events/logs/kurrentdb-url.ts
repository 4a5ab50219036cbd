// `--log kurrentdb://…`: KurrentDB's connection string (docs.kurrent.io, Getting started, Connection string) and whose mesh it is.
import { MeshError } from '../../lib/mesh-error.ts';

/** What a URL says. */
export interface KurrentDbAddress {
  /** For the client; may hold a password. */
  readonly connectionString: string;
  /** Prefix of streams: several meshes may share one server. */
  readonly mesh: string;
}

/** Prefix when the URL names none. */
const defaultMesh = 'periplus';

/** Options of the connection string that make sense here, lower case; the client ignores others with a warning on the console. */
const parameters: readonly string[] = [
  'tls',
  'tlsverifycert',
  'tlscafile',
  'usercertfile',
  'userkeyfile',
  'nodepreference',
  'maxdiscoverattempts',
  'discoveryinterval',
  'gossiptimeout',
  'keepaliveinterval',
  'keepalivetimeout',
];

/** Schemes of KurrentDB's connection strings; `+discover` finds the nodes of a cluster by DNS. */
export const kurrentDbScheme = /^(?:kurrentdb|kurrent|kdb)(?:\+discover)?:\/\//;

/**
 * Parses `kurrentdb[+discover]://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][/MESH][?tls=false&tlsCAFile=…]`.
 * Throws MeshError `usage` saying what is wrong.
 */
export function parseKurrentDbUrl(text: string, clientName = 'periplus'): KurrentDbAddress {
  const match = /^([a-z]+(?:\+discover)?):\/\/(?:([^@/]*)@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (match === null || !kurrentDbScheme.test(text))
    throw new MeshError('usage', 'that is no KurrentDB URL: give kurrentdb://HOST:2113');
  const [, scheme, login, hosts, path = '', query = ''] = match;
  const mesh = path === '' ? defaultMesh : path;
  if (!/^[A-Za-z0-9_]{1,32}$/.test(mesh))
    throw new MeshError('usage', `"${mesh}" can't be the mesh's name in KurrentDB: letters, digits and _, at most 32`);
  const options = optionsOf(query);
  if (login !== undefined && options.get('tls') === 'false')
    throw new MeshError('usage', 'KurrentDB takes no password without TLS: leave out tls=false or the password');
  if (login !== undefined && !login.includes(':'))
    throw new MeshError('usage', "the KurrentDB URL's login is not USER:PASSWORD");
  // A node that is behind would look like a log that has lost its end.
  if (!options.has('nodepreference')) options.set('nodePreference', 'leader');
  options.set('connectionName', encodeURIComponent(clientName));
  const rest = [...options].map(([name, value]) => `${name}=${value}`).join('&');
  return { connectionString: `${scheme}://${login === undefined ? '' : `${login}@`}${hosts}?${rest}`, mesh };
}

function optionsOf(query: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const pair of query.split('&').filter((one) => one !== '')) {
    const [name = '', value = ''] = pair.split('=', 2);
    const flat = name.toLowerCase().replace(/[-_]/g, '');
    if (!parameters.includes(flat))
      throw new MeshError(
        'usage',
        `the KurrentDB URL's option "${name}" is unknown; there are ${parameters.join(', ')}`,
      );
    options.set(flat, value);
  }
  return options;
}
