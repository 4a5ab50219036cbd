// `periplus check mtls`: who still sends plaintext, and how that is known.
import type { Command } from 'commander';
import type { MutualTlsGap } from '../../services/pilot/admin/mutual-tls-gaps.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { exitCodes } from '../failure.ts';
import { json, table } from '../output.ts';

/** The subcommand. Exit code 1 when somebody does. */
export function checkMtlsCommand(context: CliContext): Command {
  const command = newCommand('mtls')
    .description(
      'who still sends plaintext: proxies without an SVID, callers of endpoints that are not known to have one',
    )
    .action(async (_: unknown, own: Command) => {
      const options: SharedOptions = own.optsWithGlobals();
      const { items } = await clientOf(context, options).get<ListResponse<MutualTlsGap>>('/api/v1/mutual-tls');
      context.io.out(options.output === 'json' ? json(items) : formatGaps(items));
      if (items.length > 0) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withOutput(withServer(command)), [['periplus check mtls', 'exit code 1 when somebody does']]);
}

/** One row for each; what Envoys really did is not asked. */
export function formatGaps(gaps: readonly MutualTlsGap[]): string {
  if (gaps.length === 0)
    return 'nobody: every connected proxy has an SVID, and every endpoint in the mesh takes mutual TLS\n';
  const rows = gaps.map(({ role, name, why, source }) => [role.toUpperCase(), name, why, source]);
  return table(['ROLE', 'WHO', 'WHY', 'KNOWN FROM'], rows);
}
