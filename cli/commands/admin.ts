// `periplus admin token`: tokens for the admin API, made on the server's data directory or through the API itself.
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { tokenFolderOf } from '../../run/config-admin.ts';
import { type Role, roles } from '../../services/pilot/admin/auth/caller.ts';
import { type TokenRecord, TokenStore } from '../../services/pilot/admin/auth/token-store.ts';
import {
  type CliContext,
  clientOf,
  durationMs,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { actorOf } from '../io.ts';
import { json, table } from '../output.ts';

interface TokenOptions extends SharedOptions {
  readonly data?: string;
  readonly role: Role;
  readonly expires?: number;
}

/** The command with its subcommands. */
export function adminCommand(context: CliContext): Command {
  const token = newCommand('token')
    .description('tokens that the admin API asks callers from other machines for')
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context));
  return newCommand('admin').description('who may use the admin API').addCommand(token);
}

function createCommand(context: CliContext): Command {
  const command = newCommand('create')
    .description('make a token; it is shown once, and only its hash is kept. Events name its bearer token:NAME')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .addOption(
      new Option('--role <role>', 'read sees everything, write changes as well')
        .choices([...roles])
        .makeOptionMandatory(),
    )
    .option('--expires <duration>', 'how long it can be used, such as 720h (default: until it is revoked)', durationMs)
    .action(async (name: string, options: TokenOptions) => {
      const { role, expires } = options;
      const lifeSeconds = expires === undefined ? {} : { lifeSeconds: Math.ceil(expires / 1000) };
      const actor = actorOf(context.io.env);
      const store = storeOf(context, options);
      const made = store
        ? await store.create({ name, role, ...lifeSeconds, createdBy: actor })
        : await clientOf(context, options).createAdminToken({ name, role, ...lifeSeconds, actor });
      if (options.output === 'json') context.io.out(json(made));
      else {
        context.io.err(
          `${role}, ${made.record.expiresAt ? `until ${made.record.expiresAt}` : 'until it is revoked'}\n`,
        );
        context.io.out(`${made.token}\n`);
      }
    });
  return withExamples(withPlace(command), [
    ['periplus admin token create laptop --role write --expires 720h', 'on the machine of the admin API'],
    ['periplus admin token create ci --role read --data /var/lib/periplus', 'while no server runs, too'],
  ]);
}

function listCommand(context: CliContext): Command {
  const command = newCommand('list')
    .description('tokens: names, roles, ends')
    .action(async (options: TokenOptions) => {
      const store = storeOf(context, options);
      const items = store ? await store.list() : await clientOf(context, options).adminTokens();
      context.io.out(options.output === 'json' ? json(items) : formatTokens(items));
    });
  return withExamples(withPlace(command), [['periplus admin token list', '']]);
}

function revokeCommand(context: CliContext): Command {
  const command = newCommand('revoke')
    .description('make a token useless from now on')
    .argument('<name>', 'of the token')
    .action(async (name: string, options: TokenOptions) => {
      const store = storeOf(context, options);
      if (store) await store.revoke(name);
      else await clientOf(context, options).revokeAdminToken(name);
      context.io.out(options.output === 'json' ? json({ name }) : `revoked ${name}\n`);
    });
  return withExamples(withPlace(command), [['periplus admin token revoke laptop', '']]);
}

/** The tokens in a data directory, when one is named. */
function storeOf({ io }: CliContext, { data }: TokenOptions): TokenStore | undefined {
  return data === undefined ? undefined : new TokenStore({ folder: tokenFolderOf(resolve(data)), clock: io.clock });
}

function withPlace(command: Command): Command {
  return withOutput(
    withServer(command.option('--data <dir>', "the server's data directory, instead of asking the server")),
  );
}

function formatTokens(items: readonly TokenRecord[]): string {
  if (items.length === 0) return 'there are no tokens\n';
  const rows = items.map(({ name, role, createdAt, createdBy, expiresAt }) => [
    name,
    role,
    createdAt,
    createdBy,
    expiresAt ?? '-',
  ]);
  return table(['NAME', 'ROLE', 'CREATED', 'BY', 'EXPIRES'], rows);
}
