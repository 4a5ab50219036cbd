// `periplus validate`: whether files would be accepted, offline, with the options and answers of `istioctl validate`.
import type { Command } from 'commander';
import { formatProblem, hasErrors, type Problem } from '../../mesh/config/problem.ts';
import { type CliContext, collect, newCommand, withExamples } from '../context.ts';
import { RejectedError } from '../failure.ts';

interface ValidateOptions {
  readonly filename: readonly string[];
  readonly namespace?: string;
}

/** One file that was read, and what is wrong with it. */
interface CheckedFile {
  readonly file: string;
  readonly problems: readonly Problem[];
}

/** The command. Throws MeshError `invalid` with every error; each file is checked by itself, and kinds that are not read are passed over. */
export function validateCommand(context: CliContext): Command {
  const command = newCommand('validate')
    .alias('v')
    .description('offline: check files of resources, each by itself; "analyze" also finds what does not fit together')
    .requiredOption('-f, --filename <path>', 'file, folder, URL, or - for standard input; may be repeated', collect)
    .option('-n, --namespace <namespace>', 'for resources that name none (default: default)')
    .action(async (options: ValidateOptions) => {
      const checked = await checkFiles(context, options);
      const errors = checked.flatMap(({ problems }) => problems.filter(({ severity }) => severity === 'error'));
      for (const one of checked) printFile(context, one);
      if (errors.length > 0)
        throw new RejectedError(
          'invalid',
          errors.length === 1 ? 'a problem in what was given' : `${errors.length} problems in what was given`,
          errors,
        );
    });
  return withExamples(command, [
    ['periplus validate -f bookinfo-gateway.yaml', ''],
    ['periplus validate -f config/', 'all its files'],
    ['periplus get vs -o yaml | periplus validate -f -', ''],
  ]);
}

async function checkFiles(context: CliContext, options: ValidateOptions): Promise<readonly CheckedFile[]> {
  const [{ readSources }, { parseFiles }, { validateObjects }] = await Promise.all([
    import('../files.ts'),
    import('../../mesh/config/parse.ts'),
    import('../../mesh/config/validate.ts'),
  ]);
  const { namespace } = options;
  return (await readSources(options.filename, context.io)).map(({ file, text }) => {
    const { objects, problems } = parseFiles([{ file: file === '-' ? '<stdin>' : file, text }], {
      foreignKinds: 'ignore',
      ...(namespace === undefined ? {} : { namespace }),
    });
    return { file, problems: [...problems, ...validateObjects(objects)] };
  });
}

/** What istioctl says of a file that is good; errors are told at the end. */
function printFile({ io }: CliContext, { file, problems }: CheckedFile): void {
  const warnings = problems.filter(({ severity }) => severity === 'warning');
  if (warnings.length > 0) {
    const lines = warnings.map((warning) => `  ${formatProblem(warning)}\n`).join('');
    io.out(`${file === '-' ? 'standard input' : JSON.stringify(file)} has warnings:\n${lines}`);
  } else if (!hasErrors(problems)) io.out(file === '-' ? 'validation succeed\n' : `${JSON.stringify(file)} is valid\n`);
}
