// `adapter capture` and `adapter replay` of a platform that a test changes meanwhile, as a user runs them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { periplus, RunningPeriplus } from './periplus.ts';
import { waitFor } from './wait-for.ts';

/** What was captured and what it gave when it was played. */
export interface Captured {
  /** The whole file. */
  readonly text: string;
  /** What `adapter replay` printed. */
  readonly replayed: { readonly code: number | null; readonly stdout: string };
}

/**
 * Captures the platform that `flags` name while `change` runs, until the file has `last`, then plays it. `first` is what the file has when the
 * adapter follows the platform.
 */
export async function captureAndReplay(
  flags: readonly string[],
  {
    first,
    change,
    last,
    env = {},
  }: {
    readonly first: string;
    readonly change: () => Promise<void>;
    readonly last: string;
    readonly env?: NodeJS.ProcessEnv;
  },
): Promise<Captured> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-capture-'));
  const file = join(folder, 'platform.capture');
  // Stopped as by Ctrl-C once it has what the test did.
  const capturing = new RunningPeriplus(['adapter', 'capture', ...flags, '--out', file, '--for', '10m'], env);
  const untilRecorded = (text: string) =>
    waitFor(() => recorded(file).includes(text), { what: () => `"${text}" in the capture: ${capturing.output}` });
  try {
    await untilRecorded(first);
    // What comes in one breath with the beginning may be one with it when it is played.
    let before = -1;
    const isQuiet = () => before === (before = recorded(file).length);
    await waitFor(isQuiet, { everyMs: 100, what: 'a pause in the capture' });
    await change();
    await untilRecorded(last);
    const code = await capturing.stop();
    if (code !== 0) throw new Error(`the capture ended with ${code}: ${capturing.output}`);
    return { text: recorded(file), replayed: await periplus(['adapter', 'replay', file]) };
  } finally {
    await capturing.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

function recorded(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
