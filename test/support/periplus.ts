// Runs Periplus as a user does: the launcher as a child process, its output kept for the failure message.
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { waitFor } from './wait-for.ts';

/** The checkout. */
export const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'bin/periplus.js');

/** What a finished command left. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end. `input` goes to its standard input. */
export function periplus(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(process.execPath, [launcher, ...args], {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolvePromise({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that must succeed and parses its JSON. */
export async function periplusJson<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await periplus([...args, '-o', 'json']);
  if (code !== 0) throw new Error(`periplus ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A command that runs until it is stopped. */
export class RunningPeriplus {
  readonly process: ChildProcess;
  output = '';
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, [launcher, ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (chunk) => (this.output += chunk));
    this.#ended = new Promise((resolvePromise) => this.process.on('close', (code) => resolvePromise(code)));
  }

  /** Resolves when `url` answers 200; rejects with the output when the process ends first or time runs out. */
  async untilServing(url: string, limitMs = 60_000): Promise<void> {
    await waitFor(
      async () => {
        if (this.process.exitCode !== null)
          throw new Error(`periplus ended with ${this.process.exitCode}:\n${this.output}`);
        const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
        await response?.arrayBuffer();
        return response?.status === 200;
      },
      { limitMs, what: () => `${url} to answer 200; output so far:\n${this.output}` },
    );
  }

  /** Asks it to stop as Ctrl-C does; resolves with the exit code. Kills it after `limitMs`, which counts as a failure. */
  async stop(signal: NodeJS.Signals = 'SIGINT', limitMs = 20_000): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), limitMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }
}
