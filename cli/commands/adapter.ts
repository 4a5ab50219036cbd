// `periplus adapter`: for those who write adapters.
import type { Command } from 'commander';
import type { CaptureFlags } from '../../run/capture.ts';
import { type CliContext, durationMs, newCommand, withExamples } from '../context.ts';
import { exitCodes } from '../failure.ts';
import { newAdapter } from '../new-adapter.ts';
import { withPlatformOptions } from '../platform-options.ts';

/** The command with its subcommands. */
export function adapterCommand(context: CliContext): Command {
  return newCommand('adapter')
    .description('adapters of your own (docs/guides/writing-an-adapter.md)')
    .addCommand(newAdapterCommand(context))
    .addCommand(captureCommand(context))
    .addCommand(replayCommand(context));
}

interface CaptureOptions extends CaptureFlags {
  readonly out: string;
  readonly for: number;
}

function captureCommand(context: CliContext): Command {
  const command = withPlatformOptions(
    newCommand('capture')
      .description("record a platform's answers, without secrets, in a file that replays as a test")
      .requiredOption('--out <file>', 'where to; it must not exist')
      .option('--for <duration>', 'how long; Ctrl-C ends it sooner', durationMs, 30_000)
      .option(
        '--kubeconfig <file>',
        'the Kubernetes cluster of this kubeconfig, or in-cluster; nothing is written there',
      )
      .option('--kube-context <name...>', "one of its contexts (default: the kubeconfig's own)"),
  ).action(async ({ out, for: forMs, ...flags }: CaptureOptions) => {
    const { capturePlatform } = await import('../../run/capture.ts');
    context.io.err(`Recording for ${forMs / 1_000} s\n`);
    const { answers, facts } = await capturePlatform(flags, { file: out, forMs, io: context.io });
    context.io.out(`${out}: ${answers} answers, ${facts} facts\n`);
    context.io.err('What looks like a secret was cut. Look through it before you give it away.\n');
  });
  return withExamples(command, [
    ['periplus adapter capture --consul http://127.0.0.1:8500 --out consul.capture', ''],
    ['periplus adapter capture --docker --for 5m --out docker.capture', ''],
    ['periplus adapter capture --kubeconfig ~/.kube/config --out cluster.capture', ''],
  ]);
}

function replayCommand(context: CliContext): Command {
  const command = newCommand('replay')
    .description('play a capture to its adapter; fails when the facts are not those that were recorded')
    .argument('<file>', 'of adapter capture')
    .action(async (file: string) => {
      const { replayFile } = await import('../../run/capture.ts');
      const { header, facts, passedOver, differing } = await replayFile(file);
      const { platform, instance } = header;
      context.io.out(differing.map((subject) => `differs: ${subject}\n`).join(''));
      const asked = passedOver === 0 ? '' : `, ${passedOver} answers were not asked for in their turn`;
      context.io.out(`${platform}/${instance}: ${facts.length} facts, ${differing.length} subjects differ${asked}\n`);
      context.exitCode = differing.length === 0 ? exitCodes.done : exitCodes.rejected;
    });
  return withExamples(command, [
    ['periplus adapter replay consul.capture', 'as a test, after a change of the adapter'],
  ]);
}

function newAdapterCommand(context: CliContext): Command {
  const command = newCommand('new')
    .description('write an npm package with an adapter that works, and its test')
    .argument('<name>', 'of the platform: lower-case letters, digits and dashes')
    .option('--dir <folder>', 'where to (default: periplus-NAME)')
    .action(async (name: string, { dir }: { readonly dir?: string }) => {
      const written = await newAdapter(name, dir ?? `periplus-${name}`);
      const { folder, files } = written;
      context.io.out(files.map((file) => `wrote ${folder}/${file}\n`).join(''));
      context.io.err(`Now: cd ${folder} && npm install && npm test\n`);
    });
  return withExamples(command, [
    ['periplus adapter new shop', 'a package periplus-shop'],
    ['periplus serve --adapter ./periplus-shop/adapter.js:periplus-shop/shop.yaml', 'run it'],
  ]);
}
