// What every command is given: surroundings, style, and the moment that `at WHEN` chose.
import { Command, InvalidArgumentError, Option } from 'commander';
import { MeshError } from '../lib/mesh-error.ts';
import { parseDurationMs, parseWhen, whenSyntax } from '../services/pilot/admin/when.ts';
import { AdminClient, defaultServer } from './client.ts';
import { type CredentialOptions, credentialsOf, withCredentials } from './credentials.ts';
import type { CliIo } from './io.ts';
import { type OutputFormat, type Style, styleFor } from './output.ts';

/** See the file's first line. */
export interface CliContext {
  readonly io: CliIo;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly errStyle: Style;
  /** Set inside `periplus at WHEN …`. */
  readonly at: string | undefined;
  /** Runs another command line: what `at WHEN …` does with the rest of its own. */
  readonly run: RunCommandLine;
  /** Set by the action: what the process exits with when nothing failed. */
  exitCode: number;
}

/** Runs `args` with `io`, at a moment, and gives the exit code. */
export type RunCommandLine = (args: readonly string[], io: CliIo, at: string) => Promise<number>;

/** A context for `io`. */
export function createContext(io: CliIo, run: RunCommandLine, at?: string): CliContext {
  return {
    io,
    style: styleFor(io.outIsTerminal, io.env),
    errStyle: styleFor(io.errIsTerminal, io.env),
    at,
    run,
    exitCode: 0,
  };
}

/** Options that many commands share. */
export interface SharedOptions extends CredentialOptions {
  readonly server?: string;
  readonly output?: OutputFormat;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly at?: string;
}

/** Adds `--server URL` and what proves who asks. */
export function withServer(command: Command): Command {
  command.option('--server <url>', `admin API to talk to (default: $PERIPLUS_SERVER or ${defaultServer})`);
  return withCredentials(command);
}

/** Adds `-o`, restricted to `formats`; the first is the default. */
export function withOutput(command: Command, formats: readonly OutputFormat[] = ['table', 'json']): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices([...formats]).default(formats[0]),
  );
}

/** Adds `-n` and `-A`. */
export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'namespace').option('-A, --all-namespaces', 'all namespaces');
}

/** Adds `--at WHEN`. */
export function withAt(command: Command): Command {
  return command.option('--at <when>', `state at ${whenSyntax}`, checkWhen);
}

/** Examples and a link to the root's help, under a command's own help. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, does]) => `  ${line.padEnd(width)}   ${does}`.trimEnd());
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Commander's parser for WHEN arguments. */
export function checkWhen(text: string): string {
  parseWhen(text);
  return text;
}

/** Commander's parser for durations, giving milliseconds. */
export function durationMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('give a duration such as 60s, 5m or 1h30m');
  return ms;
}

/** `--dry-run`, alone or with kubectl's words: `client` and `server` are one here, `none` is off. */
export function dryRunOption(does: string): Option {
  return new Option('--dry-run [how]', does).preset('server').argParser((text) => {
    if (['client', 'server', 'true'].includes(text)) return true;
    if (['none', 'false'].includes(text)) return false;
    throw new InvalidArgumentError('give client, server or none');
  });
}

/** Commander's parser for port numbers. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('give a port, 0 to 65535');
  return port;
}

/** Commander's parser for counts, 1 and up. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('give a whole number, 1 or more');
  return Number(text);
}

/** Collects a repeatable option. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** The client for `--server`, else PERIPLUS_SERVER, else the default. */
export function clientOf(context: CliContext, options: SharedOptions): AdminClient {
  const server = options.server ?? (context.io.env.PERIPLUS_SERVER || defaultServer);
  const { env, signal } = context.io;
  return new AdminClient({ server, signal, credentials: () => credentialsOf(options, env) });
}

/** The moment to read at: `--at`, else that of `at WHEN`. */
export function atOf(context: CliContext, options: SharedOptions): string | undefined {
  return options.at ?? context.at;
}

/** The namespace to read: `-n`, all (undefined) with `-A`, else `otherwise`. */
export function namespaceOf(options: SharedOptions, otherwise: string | undefined): string | undefined {
  if (options.allNamespaces) {
    if (options.namespace !== undefined) throw new MeshError('usage', 'give either -n or -A, not both');
    return undefined;
  }
  return options.namespace ?? otherwise;
}

/** Sends what commander prints (help, usage errors) to the context's output, for `command` and everything below it. */
export function redirectOutput(command: Command, context: CliContext): void {
  command.configureOutput({
    writeOut: context.io.out,
    writeErr: context.io.err,
    outputError: (text, write) => write(text),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const child of command.commands) redirectOutput(child, context);
}

/** A command that neither prints nor exits by itself: `main` does. */
export function newCommand(name: string): Command {
  return new Command(name).exitOverride().showHelpAfterError(false).showSuggestionAfterError(true);
}

/** `--log-level`, of every command that runs a service. */
export function logLevelOption(): Option {
  const levels = ['debug', 'info', 'warn', 'error', 'silent'];
  return new Option('--log-level <level>', 'how much to log on standard error').choices(levels);
}
