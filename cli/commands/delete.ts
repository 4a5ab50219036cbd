// `periplus delete`: removes resources by name or as listed in files, all or none.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { formatProblem } from '../../mesh/config/problem.ts';
import type { ApiResourceRef } from '../../services/pilot/admin/schemas.ts';
import { defaultWaitMs, type ReportOptions, reportChange } from '../change-report.ts';
import {
  type CliContext,
  clientOf,
  collect,
  dryRunOption,
  durationMs,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { actorOf } from '../io.ts';
import { configKindOf } from '../kinds.ts';

interface DeleteOptions extends SharedOptions, ReportOptions {
  readonly output?: NonNullable<SharedOptions['output']>;
  readonly filename?: readonly string[];
  readonly dryRun?: boolean;
  readonly ignoreNotFound?: boolean;
}

/** The command. */
export function deleteCommand(context: CliContext): Command {
  const command = newCommand('delete')
    .description('delete resources by kind and name, or those in files: all of them, or none')
    .argument('[kind]', 'kind, or KIND/NAME')
    .argument('[names...]', 'names')
    .option('-f, --filename <path>', 'file, folder, URL, or - for standard input; may be repeated', collect)
    .option('-R, --recursive', 'folders are always read down to their last subfolder')
    .option('-n, --namespace <namespace>', 'namespace (default: default)')
    .option('--ignore-not-found', 'what does not exist is no error')
    .addOption(dryRunOption('check and say what would be deleted'))
    .option('--wait', 'wait until every connected proxy has dropped it')
    .option('--timeout <duration>', `give up waiting after this long (default: ${defaultWaitMs / 1000}s)`, durationMs)
    .action(async (kind: string | undefined, names: readonly string[], options: DeleteOptions) => {
      const resources = await refsOf(context, { kind, names, options });
      const client = clientOf(context, options);
      const change = await client.delete({
        resources: [...resources],
        dryRun: options.dryRun ?? false,
        ignoreNotFound: options.ignoreNotFound ?? false,
        actor: actorOf(context.io.env),
      });
      await reportChange(context, client, change, options);
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus delete vs reviews', ''],
    ['periplus delete dr/reviews -n prod --wait', ''],
    ['periplus delete -f reviews-50-50.yaml', 'everything that the file holds'],
  ]);
}

interface DeleteRequest {
  readonly kind: string | undefined;
  readonly names: readonly string[];
  readonly options: DeleteOptions;
}

async function refsOf(
  context: CliContext,
  { kind, names, options }: DeleteRequest,
): Promise<readonly ApiResourceRef[]> {
  if (options.filename !== undefined) {
    if (kind !== undefined) throw new MeshError('usage', 'give either -f or KIND and NAME, not both');
    const { parseSources } = await import('../parse-sources.ts');
    const { resources, warnings } = await parseSources(options.filename, context.io, { namespace: options.namespace });
    for (const warning of warnings) context.io.err(`${formatProblem(warning)}\n`);
    return resources.map((resource) => ({ kind: resource.kind, namespace: resource.namespace, name: resource.name }));
  }
  if (kind === undefined) throw new MeshError('usage', 'say what to delete: KIND NAME, or -f FILE');
  const [kindName = '', slashed] = kind.split('/');
  const all = slashed === undefined ? names : [slashed, ...names];
  if (all.length === 0) throw new MeshError('usage', `say which ${kind} to delete: periplus delete ${kind} NAME`);
  const namespace = options.namespace ?? 'default';
  return all.map((name) => ({ kind: configKindOf(kindName).kind, namespace, name }));
}
