// The README's tour, word for word, against a demo that has just started: what a newcomer types works.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, RunningPeriplus, root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

/** What each command of the tour must show, and its exit code where that is not 0. */
const expectations: readonly (readonly [command: RegExp, shows: RegExp, code?: number])[] = [
  [/^curl .*reviews$/, /"version": ?"v[123]"/],
  [/ proxy-status$/, /productpage-v1\.default( +SYNCED){4} /],
  [/ get virtualservices$/, /reviews/],
  [/ diff -f /, /-\s+weight: 90\n\+\s+weight: 50/, 1],
  [/ apply -f .*--wait$/, /reviews configured\n7\/7 proxies\n/],
  [/ history /, /user:.*\n.*weight: 90 → 50/],
  [/ at \d+ get virtualservice /, /weight: 90\n[\s\S]*weight: 10\n/],
  [/ at \d+ proxy-config routes /, /\|v1\|reviews\.default\.svc\.cluster\.local 90/],
  [/ replay --verify$/, /^equal: /],
  [/ render /, /"listeners": \[\n/],
];

/** The commands of the section's `sh` blocks, without their comments. */
function commandsOf(section: string): readonly string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const text = readme.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Runs one line as a terminal would, where a newcomer would. */
function shell(line: string): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', line], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

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
