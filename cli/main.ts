// Entry of the command line: parses arguments, runs one command, gives the exit code.
import { CommanderError } from 'commander';
import { createContext, redirectOutput } from './context.ts';
import { exitCodeOf, exitCodes, formatFailure } from './failure.ts';
import { type CliIo, processIo } from './io.ts';
import { createProgram } from './program.ts';

/** Scripts written for istioctl put them before `describe` and others (istio.io/latest/docs/reference/commands/istioctl). */
const experimentalWords = new Set(['x', 'exp', 'experimental']);

/** Runs `given` (without `node` and script) and resolves with the exit code; never rejects. `at` is the moment of `at WHEN …`. */
export async function main(given: readonly string[], io: CliIo, at?: string): Promise<number> {
  const args = experimentalWords.has(given[0] ?? '') ? given.slice(1) : given;
  const context = createContext(io, main, at);
  const program = createProgram(context);
  redirectOutput(program, context);
  if (args.length === 0) {
    io.out(program.helpInformation());
    return exitCodes.usage;
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOfCommander(error);
    if (io.signal.aborted) return 130;
    io.err(formatFailure(error, context.errStyle));
    return exitCodeOf(error);
  }
}

/** Help that was asked for is a success; everything else that commander throws is wrong usage, and it has said so. */
function exitCodeOfCommander(error: CommanderError): number {
  const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version' || error.exitCode === 0;
  return asked ? exitCodes.done : exitCodes.usage;
}

/** Runs the process's own command line. */
export async function runProcess(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2), processIo());
}

if (import.meta.main) await runProcess();
