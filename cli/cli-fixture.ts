// Runs command lines in tests: captured output, a fixed clock, no terminal.
import { type Clock, systemClock } from '../lib/clock.ts';
import type { CliIo } from './io.ts';
import { main } from './main.ts';

/** What a command line did. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a test may set. */
export interface CliSurroundings {
  readonly server?: string;
  readonly stdin?: string;
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `args`; the actor is `user:anna`. */
export async function runCli(args: readonly string[], surroundings: CliSurroundings = {}): Promise<CliResult> {
  let [out, err] = ['', ''];
  const io: CliIo = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    outIsTerminal: false,
    errIsTerminal: false,
    env: {
      PERIPLUS_ACTOR: 'anna',
      ...(surroundings.server === undefined ? {} : { PERIPLUS_SERVER: surroundings.server }),
      ...surroundings.env,
    },
    readStdin: async () => surroundings.stdin ?? '',
    clock: surroundings.clock ?? systemClock,
    signal: new AbortController().signal,
  };
  const code = await main(args, io);
  return { code, out, err };
}
