// Lets one process at a time do an installation; a lock whose holder died is taken over.
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../lib/clock.ts';

/** The holder touches the file this often … */
const touchEveryMs = 1_000;
/** … and is taken for dead when it has not for this long: far more than a busy machine's hiccup. */
const staleAfterMs = 20_000;

/** Which lock, and what to do while another process holds it. */
export interface InstallLockOptions {
  readonly path: string;
  /** Called once, when the lock is found taken. */
  readonly onWait?: () => void;
  readonly signal?: AbortSignal;
}

/** Runs `action` while holding the lock file, waiting for it first. Rejects with the signal's reason when aborted while waiting. */
export async function withInstallLock<T>(options: InstallLockOptions, action: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(options.path), { recursive: true });
  let told = false;
  while (!tryTake(options.path)) {
    if (!told) options.onWait?.();
    told = true;
    await systemClock.sleep(250, options.signal);
  }
  const touch = setInterval(() => touchFile(options.path), touchEveryMs);
  try {
    return await action();
  } finally {
    clearInterval(touch);
    rmSync(options.path, { force: true });
  }
}

function tryTake(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    removeIfStale(path);
    return false;
  }
}

/** Renamed before it is removed, so that of two processes that find it stale only one removes it. */
function removeIfStale(path: string): void {
  try {
    if (Date.now() - statSync(path).mtimeMs < staleAfterMs) return;
    const aside = `${path}.${randomUUID()}`;
    renameSync(path, aside);
    rmSync(aside, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function touchFile(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Taken over by another process: both install, and the final rename is atomic, so either result is whole.
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
