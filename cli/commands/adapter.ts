// `periplus adapter`: for those who write adapters.
import type { Command } from 'commander';
import { type CliContext, newCommand, withExamples } from '../context.ts';
import { newAdapter } from '../new-adapter.ts';

/** The command with its subcommands. */
export function adapterCommand(context: CliContext): Command {
  return newCommand('adapter')
    .description('adapters of your own (docs/guides/writing-an-adapter.md)')
    .addCommand(newAdapterCommand(context));
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
