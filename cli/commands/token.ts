// `periplus token`: one-time join tokens for machines that no platform vouches for, and JWT-SVIDs for people to try things with.
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
  const mint = newCommand('mint-jwt')
    .description('make a JWT-SVID in the name of a workload; the log records who did, and not the token')
    .argument('<spiffe-id>', 'spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT')
    .requiredOption('--audience <name...>', 'who is to believe it')
    .option('--ttl <duration>', 'how long it is valid, at most 1h (default: 5m)', durationMs)
    .action(async (spiffeId: string, options: MintOptions) => {
      const { audience, ttl } = options;
      const lifeSeconds = ttl === undefined ? {} : { lifeSeconds: Math.ceil(ttl / 1000) };
      const request = { spiffeId, audience, ...lifeSeconds, actor: actorOf(context.io.env) };
      const made = await clientOf(context, options).mintJwtSvid(request);
      if (options.output === 'json') context.io.out(json(made));
      else {
        context.io.err(`valid until ${made.expiresAt}\n`);
        context.io.out(`${made.token}\n`);
      }
    });
  const mintExamples = [
    ['periplus token mint-jwt spiffe://cluster.local/ns/shop/sa/web --audience vault', ''],
  ] as const;
  const examples = [['periplus token create spiffe://cluster.local/ns/shop/sa/web', '']] as const;
  const command = newCommand('token')
    .description('one-time join tokens, and JWT-SVIDs')
    .addCommand(withExamples(withOutput(withServer(create)), examples))
    .addCommand(withExamples(withOutput(withServer(mint)), mintExamples));
  return withExamples(command, [...examples, ...mintExamples]);
}

interface MintOptions extends SharedOptions {
  readonly audience: readonly string[];
  readonly ttl?: number;
}
