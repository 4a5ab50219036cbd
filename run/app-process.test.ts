// A demo application is started again when it dies, and ends when it is told to.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { AppProcess } from './app-process.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-app-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Waits are cut short, so that the restart's delay is not the test's. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) };

describe('AppProcess', () => {
  it('starts the application again when it is killed, with its own environment, and ends it when stopped', async () => {
    const file = join(scratch, 'app.js');
    const said = join(scratch, 'said');
    writeFileSync(
      file,
      `require('node:fs').appendFileSync(process.env.SAID, process.pid + ' ' + process.env.HOME + '\\n'); setInterval(() => {}, 1e6);`,
    );
    const app = new AppProcess({ name: 'a', file, env: { SAID: said }, logger: silentLogger, clock: hasty });
    const stop = new AbortController();
    const ended = app.run(stop.signal);
    const starts = async (count: number) => {
      for (;;) {
        const lines = readLines(said);
        if (lines.length === count) return lines;
        await systemClock.sleep(10);
      }
    };
    await starts(1);
    const first = app.pid;
    process.kill(first ?? 0, 'SIGKILL');
    const lines = await starts(2);
    expect(lines).toEqual([`${first} undefined`, `${app.pid} undefined`]);
    stop.abort();
    await ended;
    expect(app.pid).toBeUndefined();
  });
});

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}
