// `periplus nats keys`: a key for each service, and the NATS server's configuration of what each may do.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { natsRoles, platformRole } from '../../events/logs/jetstream-roles.ts';
import { defaultMesh, meshNameOf } from '../../events/logs/jetstream-url.ts';
import { type CliContext, collect, newCommand, type SharedOptions, withExamples, withOutput } from '../context.ts';
import { json, table } from '../output.ts';

interface KeysOptions extends SharedOptions {
  readonly mesh?: string;
  readonly platform?: readonly string[];
}

/** The command with its subcommand. */
export function natsCommand(context: CliContext): Command {
  const examples = [
    ['periplus nats keys /etc/periplus/nats', 'seeds of all services, and authorization.conf for the server'],
    [
      'periplus nats keys /etc/periplus/nats --platform consul',
      'also a key for adapters that may only write Consul’s facts',
    ],
  ] as const;
  const keys = newCommand('keys')
    .description(
      'make an nkey for each service and the NATS configuration that lets each publish only its own subjects',
    )
    .argument('<folder>', 'where to write ROLE.nk, mode 0600, and authorization.conf; keys that are there stay')
    .option('--mesh <name>', `prefix of the mesh’s streams, as in --log nats://HOST/NAME (default: ${defaultMesh})`)
    .option('--platform <name>', 'also a key for the adapters of one platform alone; may be repeated', collect)
    .action(async (folder: string, options: KeysOptions) => {
      // Most commands need no cryptography: only this one waits for it.
      const { authorizationFile, writeNatsKeys } = await import('../../events/logs/jetstream-keys.ts');
      const { mesh = defaultMesh, platform = [] } = options;
      const directory = resolve(folder);
      const roles = [...natsRoles, ...platform.map(platformRole)];
      const written = writeNatsKeys({ directory, mesh: meshNameOf(mesh), roles });
      if (options.output === 'json') return context.io.out(json(written));
      const rows = written.map(({ role, publicKey, kept, query }) => [
        role,
        publicKey,
        kept ? 'kept' : 'new',
        `?${query}`,
      ]);
      context.io.out(table(['ROLE', 'PUBLIC KEY', 'SEED', 'ADD TO --log'], rows));
      context.io.err(
        `Put ${directory}/${authorizationFile} beside the server's configuration, and there the line: include ${authorizationFile}\n`,
      );
    });
  const command = newCommand('nats')
    .description('the NATS server that keeps the log: who may do what there')
    .addCommand(withExamples(withOutput(keys), examples));
  return withExamples(command, examples);
}
