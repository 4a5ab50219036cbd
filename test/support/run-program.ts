// Runs a program to its end and keeps what it said, for tests that drive other tools.
import { spawn } from 'node:child_process';

/** How a program ended; `output` holds standard output and standard error as they came. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

/** What to run it with. */
export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Killed after this long. Default 60,000. */
  readonly limitMs?: number;
}

/** Resolves when it has ended, whatever its exit code; code null when it could not be started or was killed. */
export function runProgram(
  program: string,
  args: readonly string[],
  { env = process.env, cwd, limitMs = 60_000 }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...(cwd && { cwd }) });
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    let stdout = '';
    let output = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      output += chunk;
    });
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, output });
    });
  });
}

/** Like `runProgram`, for what has to succeed: gives standard output, rejects with the last lines otherwise. */
export async function mustRun(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const { code, stdout, output } = await runProgram(program, args, options);
  if (code === 0) return stdout;
  const last = output.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${program} ${args.join(' ')} ended with ${code ?? 'no exit code'}:\n${last}`);
}
