// `periplus render`: what an Envoy would be given, offline, from files and from a log.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { formatProblem } from '../../mesh/config/problem.ts';
import type { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import { parseWhen, resolveWhen, whenSyntax } from '../../services/pilot/admin/when.ts';
import { type CliContext, checkWhen, collect, newCommand, withExamples } from '../context.ts';
import { json } from '../output.ts';
import { withProgress } from '../progress.ts';

interface RenderOptions {
  readonly filename?: readonly string[];
  readonly node: string;
  readonly at?: string;
  readonly log?: string;
}

/** The command. It prints JSON whatever `-o` may be elsewhere: resources are data for programs and diff(1). */
export function renderCommand(context: CliContext): Command {
  const command = newCommand('render')
    .description('offline: print the listeners, routes, clusters and endpoints that an Envoy would be given')
    .option(
      '-f, --filename <path>',
      'file or folder of services and resources, or -; may be repeated; laid over the log',
      collect,
    )
    .requiredOption('--node <file>', "Envoy's node as JSON (its id and metadata), or a bootstrap that holds it")
    .option('--log <store>', 'start from the log in sqlite:DIR')
    .option('--at <when>', `with --log: state at ${whenSyntax}`, checkWhen)
    .option('-o, --output <format>', 'json is the only form')
    .action(async (options: RenderOptions) => {
      if (options.filename === undefined && options.log === undefined)
        throw new MeshError('usage', 'give what to render: -f FILE, or --log sqlite:DIR');
      if (options.at !== undefined && options.log === undefined)
        throw new MeshError('usage', '--at needs a log to look back in: --log sqlite:DIR');
      await withProgress(context, () => 'reading', render(context, options));
    });
  return withExamples(command, [
    ['periplus render -f mesh/ -f config/ --node node.json', 'from files alone'],
    ['periplus render --log sqlite:.periplus/log --at -15m --node node.json', 'as it was'],
    ['periplus render --log sqlite:.periplus/log -f change.yaml --node node.json', 'what a change would make of it'],
  ]);
}

async function render(context: CliContext, options: RenderOptions): Promise<void> {
  const [
    { observeFiles, readNodeFile, snapshotOfFacts },
    { translate },
    { createMemo },
    { translationToJson },
    { SnapshotBuilder },
  ] = await Promise.all([
    import('../offline-mesh.ts'),
    import('../../services/pilot/translate/translate.ts'),
    import('../../services/pilot/translate/memo.ts'),
    import('../../services/pilot/translate/json.ts'),
    import('../../mesh/snapshot-builder.ts'),
  ]);
  const proxy = await readNodeFile(options.node);
  const builder = new SnapshotBuilder();
  if (options.log !== undefined) await foldLogInto(builder, { store: options.log, at: options.at, context });
  if (options.filename !== undefined) {
    const { facts, warnings } = await observeFiles(options.filename, context.io);
    for (const warning of warnings) context.io.err(`${formatProblem(warning)}\n`);
    snapshotOfFacts(facts, builder);
  }
  const translation = translate(builder.snapshot(), proxy, createMemo());
  for (const warning of translation.warnings) context.io.err(`warning: ${warning}\n`);
  context.io.out(json(translationToJson(translation)));
}

interface LogSource {
  readonly store: string;
  readonly at: string | undefined;
  readonly context: CliContext;
}

async function foldLogInto(builder: SnapshotBuilder, { store, at, context }: LogSource): Promise<void> {
  const { openOfflineLogs } = await import('../../run/offline-logs.ts');
  const logs = await openOfflineLogs(store, process.cwd());
  try {
    const { position } = await resolveWhen(parseWhen(at), logs.facts, context.io.clock);
    if (position > 0) for await (const event of logs.facts.read({ to: position })) builder.apply(event);
  } finally {
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  }
}
