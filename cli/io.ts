// What a command may touch of the world: output, input, environment, time. Tests give their own.
import { userInfo } from 'node:os';
import { type Clock, systemClock } from '../lib/clock.ts';

/** The command line's surroundings. */
export interface CliIo {
  /** Writes a command's result. */
  readonly out: (text: string) => void;
  /** Writes progress, warnings and errors. */
  readonly err: (text: string) => void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readStdin: () => Promise<string>;
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * One Ctrl-C may arrive twice, from the terminal and from npm or the launcher that pass it on: what follows this quickly is the same one.
 * A person who insists takes longer.
 */
const sameSignalMs = 500;

/** The process's own input and output. Ctrl-C aborts `signal` once; a second one ends the process at once. */
export function processIo(): CliIo {
  const interrupted = new AbortController();
  let interruptedMs = 0;
  const interrupt = () => {
    if (!interrupted.signal.aborted) {
      interruptedMs = Date.now();
      interrupted.abort(new Error('interrupted'));
    } else if (Date.now() - interruptedMs > sameSignalMs) process.exit(130);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  // A reader that goes away (`periplus events | head`) is the normal end of output, not a crash.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    env: process.env,
    readStdin,
    clock: systemClock,
    signal: interrupted.signal,
  };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Who asks, for the log: `user:NAME` from PERIPLUS_ACTOR, USER or the operating system. */
export function actorOf(env: CliIo['env']): string {
  const given = env.PERIPLUS_ACTOR;
  if (given) return given.includes(':') ? given : `user:${given}`;
  return `user:${env.USER || systemUser()}`;
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
