// `periplus check`: whether the control plane and its proxies are well, and what to do where not.
import type { Command } from 'commander';
import type { ReadinessCheck } from '../../services/pilot/admin/context.ts';
import type { AdaptersResponse, AdapterWriter } from '../../services/pilot/admin/routes-adapters.ts';
import type { HeldLoss, LossesResponse } from '../../services/pilot/admin/routes-losses.ts';
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
import { checkMtlsCommand } from './check-mtls.ts';

/** The command. Exit code 1 when a check fails. */
export function checkCommand(context: CliContext): Command {
  const command = newCommand('check')
    .description('is the control plane ready, does every proxy accept what it is sent')
    .action(async (options: SharedOptions) => {
      const client = clientOf(context, options);
      const { checks } = await client.get<{ checks: readonly ReadinessCheck[] }>('/api/v1/checks');
      const { items } = await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies');
      const { items: losses } = await client.get<LossesResponse>('/api/v1/losses');
      const { items: adapters } = await client.get<AdaptersResponse>('/api/v1/adapters');
      const all = [...checks, ...writerChecks(adapters), ...lossChecks(losses), ...proxyChecks(items)];
      const ok = all.every((check) => check.ready);
      if (options.output === 'json') context.io.out(json({ ok, checks: all }));
      else {
        const mark = ({ ready, warning }: ReadinessCheck) => {
          if (!ready) return context.style.red('FAIL');
          return warning ? context.style.yellow('WARN') : context.style.green('ok  ');
        };
        context.io.out(all.map((check) => `${mark(check)}  ${check.name}: ${check.detail}\n`).join(''));
      }
      if (!ok) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withOutput(withServer(command)).addCommand(checkMtlsCommand(context)), [
    ['periplus check', 'exit code 1 when something is wrong'],
    ['periplus check mtls', 'who still sends plaintext'],
  ]);
}

/** Who writes what each platform shows, and who stands by, in all processes. */
export function writerChecks(adapters: readonly AdapterWriter[]): readonly ReadinessCheck[] {
  return adapters.map(({ platform, instance, writer, standby, last }) => {
    const name = `writer of ${platform}/${instance}`;
    const waiting = standby.length === 0 ? 'nobody stands by' : `${standby.join(', ')} standing by`;
    if (writer !== undefined) return { name, ready: true, detail: `${writer}; ${waiting}` };
    const detail = `nobody (${waiting}): what ${last.writer} said stays as it is until an adapter of that platform runs`;
    return { name, ready: true, warning: true, detail };
  });
}

/** Losses that adapters hold, those of other processes included. */
export function lossChecks(losses: readonly HeldLoss[]): readonly ReadinessCheck[] {
  return losses.map(({ platform, instance, held, since, releaseAt }) => ({
    name: `losses of ${platform}/${instance}`,
    ready: true,
    warning: true,
    detail: `${held} things vanished at once; they are kept since ${since} until ${releaseAt}, or "periplus registry release ${platform}/${instance}"`,
  }));
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
