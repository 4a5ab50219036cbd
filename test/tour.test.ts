// The README's tour, word for word, against a demo that has just started: what a newcomer types works.
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningPeriplus } from './support/periplus.ts';
import { commandsOf, expectations, shell } from './support/tour.ts';
import { waitFor } from './support/wait-for.ts';

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}

describe('the README’s tour', () => {
  const commands = commandsOf('A tour');
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-tour-'));
  let up: RunningPeriplus;

  beforeAll(async () => {
    // The tour's ports are the default ones: another demo on this machine has to end first.
    const free = async () => (await Promise.all([8080, 15010, 15015].map(isFree))).every(Boolean);
    await waitFor(free, { what: 'ports 8080, 15010 and 15015 to be free', limitMs: 120_000, everyMs: 500 });
    up = new RunningPeriplus(['up', '--data', scratch]);
    await waitFor(() => up.output.includes('The mesh serves:') || up.process.exitCode !== null, {
      what: () => `the demo to serve; output so far:\n${up.output}`,
      limitMs: 60_000,
    });
  });
  afterAll(async () => {
    await up.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('has a command for each expectation and an expectation for each command', () => {
    const matching = commands.map((line) => expectations.filter(([command]) => command.test(line)).length);
    expect(matching, commands.join('\n')).toEqual(commands.map(() => 1));
    expect(commands).toHaveLength(expectations.length);
  });

  for (const line of commands) {
    it(line, async () => {
      const [, shows, expectedCode = 0] = expectations.find(([command]) => command.test(line)) ?? [/^/, /^\b$/];
      const { code, stdout, stderr } = await shell(line);
      expect(code, stdout + stderr).toBe(expectedCode);
      expect(stdout).toMatch(shows);
    });
  }

  it('what the demo itself suggests works too', async () => {
    const suggested = [...up.output.matchAll(/^ {2}(npx periplus .*?)(?: {2,}.*)?$/gm)].map(([, line = '']) => line);
    expect(suggested).toHaveLength(3);
    for (const line of suggested) {
      const { code, stdout, stderr } = await shell(line);
      expect(code, line + stdout + stderr).toBe(0);
      expect(stdout).not.toBe('');
    }
  });
});
