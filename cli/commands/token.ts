// `periplus token`: one-time join tokens for machines that no platform vouches for.
import type { Command } from 'commander';
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
import { json } from '../output.ts';

/** The command with its subcommand. */
export function tokenCommand(context: CliContext): Command {
  const create = newCommand('create')
    .description('make a token with which one machine may once get a certificate; it is shown once and kept nowhere')
    .argument('<spiffe-id>', 'spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT')
    .option('--ttl <duration>', 'how long it can be used (default: 10m)', durationMs)
    .action(async (spiffeId: string, options: SharedOptions & { readonly ttl?: number }) => {
      const lifeSeconds = options.ttl === undefined ? {} : { lifeSeconds: Math.ceil(options.ttl / 1000) };
      const request = { spiffeId, ...lifeSeconds, actor: actorOf(context.io.env) };
      const made = await clientOf(context, options).createJoinToken(request);
      if (options.output === 'json') context.io.out(json(made));
      else {
        context.io.err(`can be used once, until ${made.expiresAt}\n`);
        context.io.out(`${made.token}\n`);
      }
    });
  const examples = [['periplus token create spiffe://cluster.local/ns/shop/sa/web', '']] as const;
  const command = newCommand('token')
    .description('one-time join tokens')
    .addCommand(withExamples(withOutput(withServer(create)), examples));
  return withExamples(command, examples);
}
