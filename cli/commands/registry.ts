// `periplus registry`: what adapters keep though it vanished from their platforms, and having it deregistered.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import type { HeldLoss, LossesResponse } from '../../services/pilot/admin/routes-losses.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { actorOf } from '../io.ts';
import { json, table } from '../output.ts';

/** The command with its subcommands. */
export function registryCommand(context: CliContext): Command {
  const command = newCommand('registry')
    .description('what vanished at once from its platform and is kept for now')
    .addCommand(heldCommand(context))
    .addCommand(releaseCommand(context));
  return withExamples(command, [
    ['periplus registry held', 'what is kept, since when and until when'],
    ['periplus registry release consul/default', 'it is really gone'],
  ]);
}

function heldCommand(context: CliContext): Command {
  const command = newCommand('held')
    .description('what adapters keep, since when and until when')
    .action(async (options: SharedOptions) => {
      const { items } = await clientOf(context, options).get<LossesResponse>('/api/v1/losses');
      if (options.output === 'json') context.io.out(json(items));
      else context.io.out(items.length === 0 ? 'no adapter keeps anything that vanished\n' : formatLosses(items));
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus registry held -o json', 'with examples of subjects'],
  ]);
}

function releaseCommand(context: CliContext): Command {
  const command = newCommand('release')
    .description('deregister what is kept, unless its platform shows it again by then')
    .argument('[platform/instance]', 'only this adapter, such as consul or consul/dc1 (default: all)')
    .action(async (adapter: string | undefined, options: SharedOptions) => {
      const { platform, instance } = adapterOf(adapter);
      const { items } = await clientOf(context, options).releaseLosses({
        ...(platform !== undefined && { platform }),
        ...(instance !== undefined && { instance }),
        actor: actorOf(context.io.env),
      });
      if (options.output === 'json') context.io.out(json(items));
      else context.io.out(items.map((loss) => `released: ${nameOf(loss)}: ${loss.held} things\n`).join(''));
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus registry release', 'of all adapters'],
    ['periplus registry release consul/dc1', ''],
  ]);
}

function adapterOf(text: string | undefined): { readonly platform?: string; readonly instance?: string } {
  if (text === undefined) return {};
  const at = text.indexOf('/');
  const [platform, instance] = at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
  if (platform === '' || instance === '')
    throw new MeshError('usage', `"${text}" is no adapter: give PLATFORM or PLATFORM/INSTANCE, such as consul/dc1`);
  return { ...(platform && { platform }), ...(instance && { instance }) };
}

/** The table of losses. */
export function formatLosses(losses: readonly HeldLoss[]): string {
  const rows = losses.map((loss) => [
    nameOf(loss),
    String(loss.held),
    `${loss.lost} of ${loss.before}`,
    loss.since,
    loss.releaseAt,
  ]);
  return table(['ADAPTER', 'KEPT', 'LAST LOSS', 'SINCE', 'UNTIL'], rows);
}

function nameOf({ platform, instance }: HeldLoss): string {
  return `${platform}/${instance}`;
}
