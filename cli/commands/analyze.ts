// `periplus analyze`: what is valid by itself but does not fit together, with istioctl's codes.
import type { Command } from 'commander';
import type { Problem } from '../../mesh/config/problem.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  collect,
  namespaceOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withOutput,
  withServer,
} from '../context.ts';
import { exitCodes } from '../failure.ts';
import { json, plainStyle, type Style } from '../output.ts';

interface AnalyzeOptions extends SharedOptions {
  readonly filename?: readonly string[];
}

/** The command. Exit code 1 when there are findings. */
export function analyzeCommand(context: CliContext): Command {
  const command = newCommand('analyze')
    .description(
      'find what does not fit together: missing hosts, subsets and gateways, conflicts, routes never reached',
    )
    .option('-f, --filename <path>', 'analyze these files by themselves, offline; may be repeated', collect)
    .action(async (options: AnalyzeOptions) => {
      const found =
        options.filename === undefined
          ? await analyzeLive(context, options)
          : await analyzeFiles(context, options.filename);
      const namespace = namespaceOf(options, undefined);
      const shown = found.filter((problem) => namespace === undefined || problem.resource?.split('/')[1] === namespace);
      if (options.output === 'json') context.io.out(json(shown));
      else context.io.out(formatFindings(shown, context.style));
      if (shown.length > 0) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)))), [
    ['periplus analyze', 'the live configuration'],
    ['periplus analyze -f mesh/ -f config/', 'files that hold a whole mesh, services included'],
    ['periplus at -1h analyze', 'what was wrong an hour ago'],
  ]);
}

async function analyzeLive(context: CliContext, options: AnalyzeOptions): Promise<readonly Problem[]> {
  const { items } = await clientOf(context, options).get<ListResponse<Problem>>('/api/v1/analyze', {
    at: atOf(context, options),
  });
  return items;
}

async function analyzeFiles(context: CliContext, paths: readonly string[]): Promise<readonly Problem[]> {
  const [{ analyze }, { observeFiles, snapshotOfFacts }] = await Promise.all([
    import('../../mesh/config/analyze.ts'),
    import('../offline-mesh.ts'),
  ]);
  const { facts, warnings } = await observeFiles(paths, context.io);
  return [...warnings, ...analyze(snapshotOfFacts(facts).snapshot())];
}

/** One line a finding, as istioctl prints them: `Warning [IST0101] (VirtualService/default/x spec.http[0]) message`. */
export function formatFindings(problems: readonly Problem[], style: Style = plainStyle): string {
  if (problems.length === 0) return `${style.green('no findings')}\n`;
  return problems
    .map(({ severity, code, resource, path, message, file, line, column }) => {
      const level = severity === 'error' ? style.red('Error') : style.yellow('Warning');
      const place = file === undefined ? '' : ` ${file}:${line ?? 1}:${column ?? 1}`;
      const where = [resource, path].filter((part) => part !== undefined && part !== '').join(' ');
      return `${level}${code === undefined ? '' : ` [${code}]`} (${where})${place} ${message}\n`;
    })
    .join('');
}
