// `periplus version`: of this program and of the control plane it talks to.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { packageVersion } from '../../run/package-info.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { json } from '../output.ts';

/** The command. Not reaching a server is no failure here: the client's version is the answer then. */
export function versionCommand(context: CliContext): Command {
  const command = newCommand('version')
    .description('versions of this program and of the control plane')
    .option('--client', 'only this program')
    .action(async (options: SharedOptions & { readonly client?: boolean }) => {
      const client = packageVersion();
      const server = options.client ? undefined : await serverVersion(context, options);
      if (options.output === 'json') context.io.out(json({ client, ...(server === undefined ? {} : { server }) }));
      else context.io.out(`client   ${client}\n${options.client ? '' : `server   ${server ?? 'not reachable'}\n`}`);
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus version', ''],
    ['periplus version --client -o json', ''],
  ]);
}

async function serverVersion(context: CliContext, options: SharedOptions): Promise<string | undefined> {
  try {
    return (await clientOf(context, options).get<{ version: string }>('/healthz')).version;
  } catch (error) {
    if (error instanceof MeshError && error.code === 'unavailable') return undefined;
    throw error;
  }
}
