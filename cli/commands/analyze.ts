// `periplus analyze`: what is wrong or does not fit together, with istioctl's codes, levels, messages and options.
import { type Command, Option } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { type AnalysisLevel, analysisMessages } from '../../mesh/config/analyze/messages.ts';
import type { Problem } from '../../mesh/config/problem.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import { analysisLevels, formatFindings, isSuppressed, messageObject, reaches } from '../analysis-output.ts';
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
  withServer,
} from '../context.ts';
import { exitCodes } from '../failure.ts';
import { json, yaml } from '../output.ts';

interface AnalyzeOptions extends Omit<SharedOptions, 'output'> {
  readonly filename?: readonly string[];
  readonly useKube?: string | true;
  readonly suppress?: readonly string[];
  readonly failureThreshold: AnalysisLevel;
  readonly outputThreshold: AnalysisLevel;
  readonly listAnalyzers?: boolean;
  readonly output: 'log' | 'table' | 'json' | 'yaml';
}

/** The command. Exit code 1 when a finding reaches the failure threshold. */
export function analyzeCommand(context: CliContext): Command {
  const command = newCommand('analyze')
    .argument('[file...]', 'analyze these files by themselves, offline; folders down to their last subfolder')
    .description(
      "find what is wrong or does not fit together, with istioctl's codes: missing hosts, subsets and gateways, conflicts, routes never reached",
    )
    .option('-f, --filename <path>', 'another way to name files; may be repeated', collect)
    .option('-R, --recursive', 'folders are always read down to their last subfolder')
    .option('-k, --use-kube [bool]', 'false: nothing is there but what the files hold')
    .option('--ignore-unknown', 'kinds that are not read are always passed over')
    .option('-S, --suppress <code=resource>', 'leave out "IST0101=VirtualService NAME.NAMESPACE" (* for any)', collect)
    .addOption(
      levelOption('--failure-threshold <level>', 'exit with 1 when a finding is at least this').default('Error'),
    )
    .addOption(levelOption('--output-threshold <level>', 'print findings that are at least this').default('Info'))
    .option('-L, --list-analyzers', 'print the codes that can be found')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['log', 'table', 'json', 'yaml']).default('log'),
    )
    .action(async (files: readonly string[], options: AnalyzeOptions) => {
      if (options.listAnalyzers) context.io.out(analyzerList());
      else await run(context, [...files, ...(options.filename ?? [])], options);
    });
  return withExamples(withAt(withNamespace(withServer(command))), [
    ['periplus analyze', 'the live configuration'],
    ['periplus analyze mesh/ config/', 'files that hold a whole mesh, services included'],
    ['periplus analyze -S "IST0101=VirtualService web.shop" -o json', 'all but one finding, for programs'],
    ['periplus at -1h analyze', 'what was wrong an hour ago'],
  ]);
}

function levelOption(flags: string, does: string): Option {
  return new Option(flags, `${does}: ${analysisLevels.join(', ')}`).argParser((text) => {
    const level = analysisLevels.find((known) => known.toLowerCase() === text.toLowerCase());
    if (level === undefined) throw new MeshError('usage', `expected ${analysisLevels.join(', ')}, found ${text}`);
    return level;
  });
}

function analyzerList(): string {
  return Object.entries(analysisMessages)
    .filter(([, { foundBy }]) => foundBy !== undefined)
    .map(([code, { name, level }]) => `* ${code} ${name} (${level})\n`)
    .join('');
}

async function run(context: CliContext, files: readonly string[], options: AnalyzeOptions): Promise<void> {
  checkOptions(files, options, context);
  const { output, ...shared } = options;
  const { suppress = [], failureThreshold, outputThreshold } = options;
  const found =
    files.length === 0
      ? await analyzeLive(context, shared)
      : await analyzeFiles(context, files, { ...shared, isComplete: options.useKube === 'false' });
  const namespace = files.length > 0 ? undefined : namespaceOf(shared, undefined);
  const counted = found.filter(
    (problem) =>
      (namespace === undefined || problem.resource?.split('/')[1] === namespace) && !isSuppressed(problem, suppress),
  );
  const shown = counted.filter((problem) => reaches(problem, outputThreshold));
  if (output === 'json') context.io.out(json(shown.map(messageObject)));
  else if (output === 'yaml') context.io.out(await yaml(shown.map(messageObject)));
  else if (shown.length > 0) context.io.out(formatFindings(shown, context.style));
  else
    context.io.out(
      `${context.style.green('\u2714')} No validation issues found when analyzing ${targetOf(files, namespace)}.\n`,
    );
  if (counted.some((problem) => reaches(problem, failureThreshold))) context.exitCode = exitCodes.rejected;
}

function checkOptions(files: readonly string[], { useKube, suppress = [] }: AnalyzeOptions, context: CliContext): void {
  if (useKube !== undefined && useKube !== 'false' && files.length > 0)
    throw new MeshError('usage', 'files are analyzed by themselves: leave out --use-kube, or apply them and analyze');
  if (useKube === 'false' && files.length === 0)
    throw new MeshError('usage', '--use-kube=false needs files to analyze');
  for (const suppression of suppress) {
    const [code = '', resource, ...more] = suppression.split('=');
    if (resource === undefined || more.length > 0)
      throw new MeshError('usage', `--suppress ${suppression}: expected CODE=KIND NAME.NAMESPACE`);
    if (analysisMessages[code] === undefined)
      context.io.err(
        `Warning: Supplied message code '${code}' is an unknown message code and will not have any effect.\n`,
      );
  }
}

function targetOf(files: readonly string[], namespace: string | undefined): string {
  if (files.length > 0) return files.join(', ');
  return namespace === undefined ? 'all namespaces' : `namespace: ${namespace}`;
}

async function analyzeLive(context: CliContext, shared: SharedOptions): Promise<readonly Problem[]> {
  const { items } = await clientOf(context, shared).get<ListResponse<Problem>>('/api/v1/analyze', {
    at: atOf(context, shared),
  });
  return items;
}

async function analyzeFiles(
  context: CliContext,
  paths: readonly string[],
  { isComplete, ...shared }: SharedOptions & { readonly isComplete: boolean },
): Promise<readonly Problem[]> {
  const [
    { analyze },
    { shownObjects },
    { withIngressGateway },
    { factsOf, readMesh, snapshotOfFacts },
    { placeFindings },
  ] = await Promise.all([
    import('../../mesh/config/analyze.ts'),
    import('../../mesh/config/analyze/shown-objects.ts'),
    import('../../mesh/config/analyze/ingress-gateway.ts'),
    import('../offline-mesh.ts'),
    import('../../mesh/config/place-findings.ts'),
  ]);
  const { objects: read, problems } = await readMesh(paths, context.io, namespaceOf(shared, undefined));
  const objects = isComplete ? withIngressGateway(read) : read;
  const coded = problems.map((problem) =>
    problem.severity === 'error' && problem.path !== '' ? { code: 'IST0106', ...problem } : problem,
  );
  const findings = analyze(snapshotOfFacts(factsOf(objects)).snapshot(), shownObjects(objects, isComplete));
  return [...coded, ...placeFindings(findings, objects)];
}
