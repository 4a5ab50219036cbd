// How the command line proves who it is to an admin API beyond this machine: a token or a client certificate, and whom it believes.
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { CliIo } from './io.ts';

/** Options beside `--server`. */
export interface CredentialOptions {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What requests are made with; PEM texts. */
export interface Credentials {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const settings = [
  [
    'token',
    '--token <token>',
    'token for the admin API; other users of this machine see command lines, so rather',
    'PERIPLUS_TOKEN',
  ],
  ['tokenFile', '--token-file <file>', 'file that holds it', 'PERIPLUS_TOKEN_FILE'],
  ['ca', '--ca <file>', "CA of the admin API's certificate, when the system does not know it", 'PERIPLUS_CA'],
  ['cert', '--cert <file>', 'client certificate', 'PERIPLUS_CERT'],
  ['key', '--key <file>', 'its key', 'PERIPLUS_KEY'],
] as const;

/** Adds the options, under a heading of their own. */
export function withCredentials(command: Command): Command {
  for (const [, flags, does, variable] of settings)
    command.addOption(new Option(flags, `${does} ($${variable})`).helpGroup('Access to the admin API:'));
  return command;
}

/** Options before environment. Throws MeshError `usage` for a file that can't be read or half a pair. */
export async function credentialsOf(options: CredentialOptions, env: CliIo['env']): Promise<Credentials> {
  const given = Object.fromEntries(
    settings.map(([name, , , variable]) => [name, options[name] ?? (env[variable] || undefined)]),
  );
  const file = async (name: string) => {
    const path = given[name];
    if (path === undefined) return undefined;
    return await readFile(path, 'utf8').catch((error: unknown) => {
      throw new MeshError('usage', `${path}: ${messageOf(error)}`);
    });
  };
  if ((given.cert === undefined) !== (given.key === undefined))
    throw new MeshError('usage', '--cert and --key go together');
  // What was typed counts more than what lies in the environment.
  const typedFile = options.token === undefined && options.tokenFile !== undefined;
  const token = (typedFile ? undefined : given.token) ?? (await file('tokenFile'))?.trim();
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new MeshError('usage', 'the token is empty or holds blanks');
  const [ca, cert, key] = [await file('ca'), await file('cert'), await file('key')];
  return { ...(token !== undefined && { token }), ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
