// `periplus ban`, `unban` and `bans`: refuse an identity everywhere within seconds, lift that, and list who is refused.
import type { Command } from 'commander';
import type { BansResponse } from '../../services/pilot/admin/routes-bans.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { actorOf } from '../io.ts';
import { json, table } from '../output.ts';

interface BanOptions extends SharedOptions {
  readonly reason?: string;
}

/** `periplus ban`. */
export function banCommand(context: CliContext): Command {
  const command = newCommand('ban').description(
    'refuse an identity everywhere: no certificate, no token, no configuration, no connection over mutual TLS',
  );
  return changeCommand(command, context, {
    banned: true,
    example: 'periplus ban spiffe://cluster.local/ns/shop/sa/web',
  });
}

/** `periplus unban`. */
export function unbanCommand(context: CliContext): Command {
  const command = newCommand('unban').description('lift the ban of an identity');
  const example = 'periplus unban spiffe://cluster.local/ns/shop/sa/web';
  return changeCommand(command, context, { banned: false, example });
}

/** `periplus bans`. */
export function bansCommand(context: CliContext): Command {
  const command = newCommand('bans')
    .description('identities that are refused everywhere')
    .action(async (options: SharedOptions) => {
      const { items } = await clientOf(context, options).get<BansResponse>('/api/v1/bans');
      const rows = items.map(({ spiffeId, time, actor, reason }) => [spiffeId, time, actor, reason]);
      if (options.output === 'json') context.io.out(json(items));
      else if (items.length === 0) context.io.err('nobody is banned\n');
      else context.io.out(table(['IDENTITY', 'SINCE', 'BY', 'REASON'], rows));
    });
  return withExamples(withOutput(withServer(command)), [['periplus bans', '']]);
}

function changeCommand(
  command: Command,
  context: CliContext,
  { banned, example }: { readonly banned: boolean; readonly example: string },
): Command {
  command
    .argument('<spiffe-id>', 'spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT')
    .option('--reason <text>', 'why, for the log')
    .action(async (spiffeId: string, options: BanOptions) => {
      const reason = options.reason === undefined ? {} : { reason: options.reason };
      const request = { spiffeId, ...reason, actor: actorOf(context.io.env) };
      const changed = await clientOf(context, options).changeBan(request, banned);
      const state = banned ? 'banned' : 'not banned';
      if (options.output === 'json') context.io.out(json(changed));
      else context.io.out(changed.changed ? `${state}: ${spiffeId}\n` : `${state} already: ${spiffeId}\n`);
    });
  return withExamples(withOutput(withServer(command)), [[example, '']]);
}
