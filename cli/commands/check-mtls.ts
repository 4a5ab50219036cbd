// `periplus check mtls`: who still sends plaintext, and how that is known.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { type PlaintextCaller, plaintextCallers, plaintextQuery } from '../../mesh/telemetry/plaintext-callers.ts';
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
import { askPrometheus } from '../prometheus.ts';

interface CheckMtlsOptions extends SharedOptions {
  readonly prometheus?: string;
  readonly minutes: string;
}

/** One that sends plaintext, is sent it, or was counted doing so. */
type Finding = Omit<MutualTlsGap, 'role'> & {
  readonly role: MutualTlsGap['role'] | 'caller';
  readonly counted?: PlaintextCaller;
};

/** The subcommand. Exit code 1 when somebody does. */
export function checkMtlsCommand(context: CliContext): Command {
  const command = newCommand('mtls')
    .description(
      'who still sends plaintext: proxies without an SVID, callers of endpoints that are not known to have one, and whom sidecars counted',
    )
    .option('--prometheus <url>', 'a Prometheus that scrapes the proxies: asks for what sidecars counted, too')
    .option('--minutes <count>', 'how far to look back at what was counted', '10')
    .action(async (_: unknown, own: Command) => {
      const options: CheckMtlsOptions = own.optsWithGlobals();
      const { items } = await clientOf(context, options).get<ListResponse<MutualTlsGap>>('/api/v1/mutual-tls');
      const found: readonly Finding[] = [...items, ...(await counted(context, options))];
      context.io.out(options.output === 'json' ? json(found) : formatFindings(found, options.prometheus !== undefined));
      if (found.length > 0) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus check mtls', 'exit code 1 when somebody does'],
    ['periplus check mtls --prometheus http://127.0.0.1:9090', 'and by what the sidecars counted in ten minutes'],
  ]);
}

/** Whom the servers' proxies counted. Rejects with MeshError `unavailable` when Prometheus does not answer. */
async function counted(context: CliContext, options: CheckMtlsOptions): Promise<readonly Finding[]> {
  if (options.prometheus === undefined) return [];
  const minutes = Number(options.minutes);
  if (!(minutes > 0)) throw new MeshError('usage', `--minutes ${options.minutes}: expected a number above 0`);
  const nowMs = context.io.clock.nowMs();
  const query = plaintextQuery(Math.ceil(minutes * 60));
  const series = await askPrometheus(options.prometheus, 'query', { query, time: String(nowMs / 1000) });
  return plaintextCallers(series, nowMs - minutes * 60_000).map((caller) => ({
    role: 'caller',
    name: `${caller.source ?? '(no sidecar)'} → ${caller.destination}`,
    why: `${amounts(caller)} without mutual TLS in ${options.minutes} min, the last at ${new Date(caller.lastMs).toISOString()}`,
    source: "the server's sidecar, in Prometheus",
    counted: caller,
  }));
}

function amounts({ requests, connections }: PlaintextCaller): string {
  const parts = [requests > 0 && `${requests} requests`, connections > 0 && `${connections} connections`];
  return parts.filter(Boolean).join(', ');
}

/** One row for each. */
function formatFindings(found: readonly Finding[], asked: boolean): string {
  const hint = asked ? '' : ' (what sidecars counted was not asked for: --prometheus URL)';
  const all = `every connected proxy has an SVID, and every endpoint in the mesh takes mutual TLS`;
  if (found.length === 0) return `nobody: ${all}${asked ? ', and no sidecar counted any' : hint}\n`;
  const rows = found.map(({ role, name, why, source }) => [role.toUpperCase(), name, why, source]);
  return table(['ROLE', 'WHO', 'WHY', 'KNOWN FROM'], rows);
}
