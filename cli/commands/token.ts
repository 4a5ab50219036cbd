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
    .argument('<spiffe-id...>', 'spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT; a token for each, a line each')
    .option('--ttl <duration>', 'how long it can be used (default: 10m)', durationMs)
    .option(
      '--log <store>',
      'write to this log, which processes share, instead of asking the admin API: nats://HOST:PORT',
    )
    .action(async (spiffeIds: readonly string[], options: CreateOptions) => {
      const made = await (options.log === undefined ? viaApi : viaLog)(context, spiffeIds, options);
      if (options.output === 'json') context.io.out(json(spiffeIds.length === 1 ? made[0] : made));
      else {
        context.io.err(`can be used once, until ${made[0]?.expiresAt}\n`);
        context.io.out(made.map(({ token }) => `${token}\n`).join(''));
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
  const examples = [
    ['periplus token create spiffe://cluster.local/ns/shop/sa/web', ''],
    ['periplus token create spiffe://cluster.local/ns/shop/sa/web --log nats://nats:4222', 'beside Citadel'],
  ] as const;
  const command = newCommand('token')
    .description('one-time join tokens, and JWT-SVIDs')
    .addCommand(withExamples(withOutput(withServer(create)), examples))
    .addCommand(withExamples(withOutput(withServer(mint)), mintExamples));
  return withExamples(command, [...examples, ...mintExamples]);
}

interface CreateOptions extends SharedOptions {
  readonly ttl?: number;
  readonly log?: string;
}

async function viaApi(context: CliContext, spiffeIds: readonly string[], options: CreateOptions) {
  const lifeSeconds = options.ttl === undefined ? {} : { lifeSeconds: Math.ceil(options.ttl / 1000) };
  const common = { ...lifeSeconds, actor: actorOf(context.io.env) };
  const client = clientOf(context, options);
  return await Promise.all(spiffeIds.map((spiffeId) => client.createJoinToken({ ...common, spiffeId })));
}

async function viaLog(context: CliContext, spiffeIds: readonly string[], { log = '', ttl }: CreateOptions) {
  const { createJoinTokens } = await import('../../run/join-tokens.ts');
  const { clock, env } = context.io;
  const life = ttl === undefined ? {} : { lifeMs: ttl };
  const request = { spiffeIds, log, workingDirectory: process.cwd(), actor: actorOf(env), clock, ...life };
  return await createJoinTokens(request);
}

interface MintOptions extends SharedOptions {
  readonly audience: readonly string[];
  readonly ttl?: number;
}
