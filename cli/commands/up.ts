// `periplus up`: everything on this machine: control plane, and a demo mesh on real Envoys.
import type { Command } from 'commander';
import type { ServeFlags } from '../../run/config.ts';
import { type CliContext, newCommand, portNumber, withExamples } from '../context.ts';
import { withServeOptions } from '../serve-options.ts';

/** The command; `npm start` runs it. */
export function upCommand(context: CliContext): Command {
  const command = newCommand('up')
    .description('run everything on this machine: control plane and the Bookinfo demo mesh')
    .option('--no-demo', 'only the control plane')
    .option('--config <dir>', 'also watch this folder of YAML')
    .option('--gateway-port <port>', "the demo's ingress gateway (default: 8080)", portNumber)
    .action(async (flags: ServeFlags & { readonly demo: boolean; readonly gatewayPort?: number }) => {
      const { up } = await import('../../run/main.ts');
      context.exitCode = await up({ ...flags, roles: 'pilot,adapters,citadel,mixer' }, context.io);
    });
  return withExamples(withServeOptions(command), [
    ['periplus up', 'the demo: http://127.0.0.1:8080/productpage'],
    ['periplus up --no-demo --config mesh/', 'your own services'],
  ]);
}
