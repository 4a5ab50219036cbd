// `periplus apply`: sends resources to the control plane, all or none, and can wait until every proxy holds them.
import type { Command } from 'commander';
import { configKey } from '../../events/model.ts';
import { formatProblem } from '../../mesh/config/problem.ts';
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

interface ApplyOptions extends SharedOptions, ReportOptions {
  readonly output?: NonNullable<SharedOptions['output']>;
  readonly filename: readonly string[];
  readonly dryRun?: boolean;
}

/** The command. */
export function applyCommand(context: CliContext): Command {
  const command = newCommand('apply')
    .description('apply resources from YAML or JSON: all of them, or none')
    .requiredOption('-f, --filename <path>', 'file, folder, URL, or - for standard input; may be repeated', collect)
    .option('-R, --recursive', 'folders are always read down to their last subfolder')
    .option('-n, --namespace <namespace>', 'for resources that name none (default: default)')
    .addOption(dryRunOption('check and say what would change'))
    .option('--wait', 'wait until every connected proxy holds the change')
    .option('--timeout <duration>', `give up waiting after this long (default: ${defaultWaitMs / 1000}s)`, durationMs)
    .action(async (options: ApplyOptions) => {
      const [{ parseSources }, { manifestOf }] = await Promise.all([
        import('../parse-sources.ts'),
        import('../../mesh/config/print.ts'),
      ]);
      const { resources, warnings } = await parseSources(options.filename, context.io, {
        namespace: options.namespace,
      });
      for (const warning of warnings) context.io.err(`${formatProblem(warning)}\n`);
      const client = clientOf(context, options);
      const change = await client.apply({
        resources: resources.map(({ resource }) => manifestOf(resource)) as Parameters<
          typeof client.apply
        >[0]['resources'],
        dryRun: options.dryRun ?? false,
        actor: actorOf(context.io.env),
      });
      const apiVersions = new Map(resources.map(({ resource }) => [configKey(resource), resource.apiVersion]));
      await reportChange(context, client, change, { ...options, apiVersions, printed: warnings });
    });
  return withExamples(withOutput(withServer(command)), [
    ['periplus apply -f reviews-50-50.yaml --wait', 'shift traffic, return when all proxies have it'],
    ['periplus apply -f mesh/ -f extra.yaml --dry-run', 'check a folder and a file as one change'],
    ['periplus get vs reviews -o yaml | sed s/90/50/ | periplus apply -f -', ''],
  ]);
}
