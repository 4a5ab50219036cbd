// docs/reference/cli.md: every command with its arguments, flags and examples, from commander's definitions.
import type { Command, Option } from 'commander';
import { createContext } from '../../cli/context.ts';
import { exitCodes } from '../../cli/failure.ts';
import type { CliIo } from '../../cli/io.ts';
import { createProgram } from '../../cli/program.ts';
import { systemClock } from '../../lib/clock.ts';
import { codeBlock, markdownTable, page } from './markdown.ts';

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  rejected: 'rejected, not there, or different (`diff`, `analyze`, `replay --verify`)',
  usage: 'wrong usage; the message says what can be given',
  unreachable: 'the control plane can’t be reached',
};

/** Nothing is run: the program is only looked at. */
const noIo: CliIo = {
  out: () => {},
  err: () => {},
  outIsTerminal: false,
  errIsTerminal: false,
  env: {},
  readStdin: async () => '',
  clock: systemClock,
  signal: new AbortController().signal,
};

/** The page. */
export function cliPage(): string {
  const program = createProgram(createContext(noIo, async () => 0));
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const groups = [...new Set(commands.map((command) => command.helpGroup()))];
  return page(
    '# Command line',
    `${program.description()}. \`periplus COMMAND --help\` says the same as this page.`,
    markdownTable(
      ['exit code', 'means'],
      Object.entries(exitCodes).map(([name, code]) => [String(code), meanings[name as keyof typeof exitCodes]]),
    ),
    ...groups.flatMap((group) => [
      `## ${group.replace(/:$/, '')}`,
      ...commands.filter((command) => command.helpGroup() === group).map((command) => section(command, 'periplus')),
    ]),
  );
}

function section(command: Command, parent: string): string {
  const path = `${parent} ${command.name()}`;
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    `### ${path}`,
    `${sentence(command.description())}${aliasesOf(command)}`,
    codeBlock('', `${path} ${command.usage()}`),
    table(
      'argument',
      command.registeredArguments.map((argument) => [argument.name(), argument.description]),
    ),
    table(
      'flag',
      options.map((option) => [`\`${option.flags}\``, describe(option)]),
    ),
    examplesOf(command),
    ...command.commands.map((child) => section(child, path)),
  ]
    .filter((part) => part !== '')
    .map((part) => part.trimEnd())
    .join('\n\n');
}

function table(what: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : markdownTable([what, ''], rows);
}

function aliasesOf(command: Command): string {
  const aliases = command.aliases().map((alias) => `\`${alias}\``);
  return aliases.length === 0 ? '' : ` Short: ${aliases.join(', ')}.`;
}

function describe(option: Option): string {
  const notes = [
    ...(option.argChoices === undefined
      ? []
      : [`one of ${option.argChoices.map((value) => `\`${value}\``).join(', ')}`]),
    ...(option.defaultValue === undefined || option.negate ? [] : [`default \`${String(option.defaultValue)}\``]),
    ...(option.mandatory ? ['required'] : []),
  ];
  return `${option.description}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

/** What stands after the options in a command's own help. */
function examplesOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const [, examples] = help.split('\nExamples:\n');
  return examples === undefined
    ? ''
    : codeBlock('sh', examples.replaceAll(/^ {2}/gm, '').replaceAll(/ {3,}(?=\S)/g, '   # '));
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
