// `periplus diff`: what an apply of these files would change, as a unified diff.
import type { Command } from 'commander';
import { type ConfigResource, configKey } from '../../events/model.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  collect,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { exitCodes } from '../failure.ts';
import { unifiedDiff } from '../line-diff.ts';
import { json } from '../output.ts';

/** One resource that differs; `live` is absent when the mesh does not have it. */
export interface ResourceDiff {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly action: 'created' | 'configured';
  readonly diff: string;
}

/** The command. Exit code 1 when something differs, as with diff(1) and kubectl. */
export function diffCommand(context: CliContext): Command {
  const command = newCommand('diff')
    .description('compare files with the live configuration; exit code 1 when they differ')
    .requiredOption('-f, --filename <path>', 'file, folder, URL, or - for standard input; may be repeated', collect)
    .option('-R, --recursive', 'folders are always read down to their last subfolder')
    .option('-n, --namespace <namespace>', 'for resources that name none (default: default)')
    .action(async (options: SharedOptions & { readonly filename: readonly string[] }) => {
      const { parseSources } = await import('../parse-sources.ts');
      const { resources } = await parseSources(options.filename, context.io, { namespace: options.namespace });
      const { items } = await clientOf(context, options).get<ListResponse<ConfigResource>>('/api/v1/config', {
        at: atOf(context, options),
      });
      const diffs = await diffResources(
        items,
        resources.map((parsed) => parsed.resource),
      );
      if (options.output === 'json') context.io.out(json(diffs));
      else for (const found of diffs) context.io.out(colour(context, found.diff));
      if (diffs.length > 0) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withAt(withOutput(withServer(command))), [
    ['periplus diff -f reviews-50-50.yaml', ''],
    ['periplus diff -f mesh/ --at -1h', 'compare with an hour ago'],
  ]);
}

/** The resources of `wanted` that are not as in `live`, in order. */
export async function diffResources(
  live: readonly ConfigResource[],
  wanted: readonly ConfigResource[],
): Promise<readonly ResourceDiff[]> {
  const { diffLines } = await import('../../mesh/config/print.ts');
  const byKey = new Map(live.map((resource) => [configKey(resource), resource]));
  return wanted.flatMap((resource) => {
    const key = configKey(resource);
    const before = byKey.get(key);
    const [from, to] = [before, resource].map((one) =>
      diffLines(one)
        .map((line) => `${line}\n`)
        .join(''),
    );
    const diff = unifiedDiff({ name: `live/${key}`, text: from ?? '' }, { name: `given/${key}`, text: to ?? '' });
    const { kind, namespace, name } = resource;
    return diff === ''
      ? []
      : [
          {
            kind,
            namespace,
            name,
            action: before === undefined ? ('created' as const) : ('configured' as const),
            diff,
          },
        ];
  });
}

function colour(context: CliContext, diff: string): string {
  const paint = (line: string) => {
    if (line.startsWith('+')) return context.style.green(line);
    if (line.startsWith('-')) return context.style.red(line);
    return line.startsWith('@@') ? context.style.dim(line) : line;
  };
  return diff.split('\n').map(paint).join('\n');
}
