// `periplus replay --verify`: folds the log again from nothing and compares with what was sent and acknowledged.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import type { ReplayAnswer } from '../../services/pilot/admin/routes-replay.ts';
import type { ReplayProgress } from '../../services/pilot/replay/replay-verify.ts';
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
      let text = 'replaying the log';
      const onProgress = (progress: ReplayProgress) => {
        text = `${progress.stage}, position ${progress.position}`;
      };
      const work = options.log === undefined ? askServer(context, options) : readLog(options.log, onProgress);
      const answer = await withProgress(context, () => text, work);
      if (options.output === 'json') context.io.out(json(answer));
      else {
        const { replayFindings } = await import('../../services/pilot/admin/routes-replay.ts');
        context.io.out(formatReplay(answer, replayFindings(answer), context.style));
      }
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

async function readLog(store: string, onProgress: (progress: ReplayProgress) => void): Promise<ReplayAnswer> {
  const [{ openOfflineLogs }, { verifyLogs }] = await Promise.all([
    import('../../run/offline-logs.ts'),
    import('../../services/pilot/admin/routes-replay.ts'),
  ]);
  const logs = await openOfflineLogs(store, process.cwd());
  try {
    return await verifyLogs(logs, { onProgress, environment: process.env });
  } finally {
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  }
}

/** More lines than this help nobody; `-o json` has them all. */
const shownFindings = 20;

/** The verdict in a few lines. */
export function formatReplay(answer: ReplayAnswer, findings: readonly string[], style: Style = plainStyle): string {
  const verdict = answer.ok ? style.green('equal') : style.red('DIFFERENT');
  const counts = `${answer.facts} facts folded, ${answer.pushes} pushes (${answer.checked} distinct, ${answer.resources} resources) compared`;
  const lines = [`${verdict}: ${counts}`, ...findings.slice(0, shownFindings).map((finding) => `  ${finding}`)];
  if (findings.length > shownFindings) lines.push(`  and ${findings.length - shownFindings} more; -o json lists them`);
  return `${lines.join('\n')}\n`;
}
