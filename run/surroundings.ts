// What a long-running command is given by the command line: where to say things, and when to stop.
import type { Clock } from '../lib/clock.ts';

/** See the file's first line. */
export interface ProcessSurroundings {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
  readonly signal: AbortSignal;
}
