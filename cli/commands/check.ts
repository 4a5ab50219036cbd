// `periplus check`: whether the control plane and its proxies are well, and what to do where not.
import type { Command } from 'commander';
import type { ReadinessCheck } from '../../services/pilot/admin/context.ts';
import type { ListResponse, ProxyStatus } from '../../services/pilot/admin/schemas.ts';
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
import { json } from '../output.ts';

/** The command. Exit code 1 when a check fails. */
export function checkCommand(context: CliContext): Command {
  const command = newCommand('check')
    .description('is the control plane ready, does every proxy accept what it is sent')
    .action(async (options: SharedOptions) => {
      const client = clientOf(context, options);
      const { checks } = await client.get<{ checks: readonly ReadinessCheck[] }>('/api/v1/checks');
      const { items } = await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies');
      const all = [...checks, ...proxyChecks(items)];
      const ok = all.every((check) => check.ready);
      if (options.output === 'json') context.io.out(json({ ok, checks: all }));
      else {
        const mark = (check: ReadinessCheck) => (check.ready ? context.style.green('ok  ') : context.style.red('FAIL'));
        context.io.out(all.map((check) => `${mark(check)}  ${check.name}: ${check.detail}\n`).join(''));
      }
      if (!ok) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withOutput(withServer(command)), [['periplus check', 'exit code 1 when something is wrong']]);
}

/** What the proxies' states amount to. */
export function proxyChecks(proxies: readonly ProxyStatus[]): readonly ReadinessCheck[] {
  const connected = proxies.filter((proxy) => proxy.connected);
  const rejecting = connected.flatMap((proxy) =>
    proxy.types
      .filter((type) => type.state === 'ERROR')
      .map((type) => `${proxy.name} ${type.type}: ${type.error ?? ''}`),
  );
  const detail =
    rejecting.length === 0 ? `${connected.length} connected, none rejects its configuration` : rejecting.join('; ');
  return [{ name: 'proxies', ready: rejecting.length === 0, detail }];
}
