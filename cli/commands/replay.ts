// `periplus replay --verify`: folds the log again from nothing and compares with what was sent and acknowledged.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import type { ReplayAnswer } from '../../services/pilot/admin/routes-replay.ts';
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
import { json, plainStyle, type Style } from '../output.ts';
import { withProgress } from '../progress.ts';

interface ReplayOptions extends SharedOptions {
  readonly verify?: boolean;
  readonly log?: string;
}

/** The command. Exit code 1 when anything differs. */
export function replayCommand(context: CliContext): Command {
  const command = newCommand('replay')
    .description(
      'fold the log from nothing, translate for every proxy that ever connected, compare with what it was sent',
    )
    .option('--verify', 'compare (the only thing that replay does in this version)')
    .option('--log <store>', 'read sqlite:DIR offline, with no control plane running on it')
    .action(async (options: ReplayOptions) => {
      if (!options.verify) throw new MeshError('usage', 'say what to replay for: periplus replay --verify');
      const work = options.log === undefined ? askServer(context, options) : readLog(options.log);
      const answer = await withProgress(context, () => 'replaying the log', work);
      context.io.out(options.output === 'json' ? json(answer) : formatReplay(answer, context.style));
      if (!answer.ok) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus replay --verify', "the running control plane's log"],
    ['periplus replay --verify --log sqlite:.periplus/log', 'a log at rest'],
  ]);
}

function askServer(context: CliContext, options: ReplayOptions): Promise<ReplayAnswer> {
  return clientOf(context, options).get<ReplayAnswer>('/api/v1/replay');
}

async function readLog(store: string): Promise<ReplayAnswer> {
  const [{ openOfflineLogs }, { verifyLogs }] = await Promise.all([
    import('../../run/offline-logs.ts'),
    import('../../services/pilot/admin/routes-replay.ts'),
  ]);
  const logs = await openOfflineLogs(store, process.cwd());
  try {
    return await verifyLogs(logs);
  } finally {
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  }
}

/** The verdict in a few lines. */
export function formatReplay(answer: ReplayAnswer, style: Style = plainStyle): string {
  const verdict = answer.ok ? style.green('equal') : style.red('DIFFERENT');
  const lines = [
    `${verdict}: ${answer.facts} facts folded, ${answer.pushes} pushes to ${answer.proxies} proxies compared`,
    ...answer.differences.map((difference) => `  ${difference}`),
  ];
  return `${lines.join('\n')}\n`;
}
