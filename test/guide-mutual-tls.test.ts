// The commands of docs/guides/mutual-tls.md, word for word, against the demo.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningPeriplus, root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

/** What each command must show, and its exit code where that is not 0. */
const expectations: readonly (readonly [command: RegExp, shows: RegExp, code?: number])[] = [
  [/ check mtls$/, /^nobody: /m],
  [/ ca status$/, /trust bundle +[12] [\s\S]*next step +(prepare|activate)/],
  [/ history spiffe:/, /certificate-issued/],
  [/ apply /, /default created[\s\S]*7\/7 proxies/],
  [/ delete peerauthentication/, /deleted/],
  [/ ca rotate$/, /^done: (prepare|publish)$/m],
];

const guide = readFileSync(join(root, 'docs/guides/mutual-tls.md'), 'utf8');
const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s#.*/, '').trim())
  .filter((line) => line !== '');

function shell(line: string): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', line], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('the guide to mutual TLS', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-guide-'));
  let up: RunningPeriplus;
  beforeAll(async () => {
    up = new RunningPeriplus(['up', '--data', scratch]);
    await waitFor(() => up.output.includes('The mesh serves:') || up.process.exitCode !== null, {
      what: () => `the demo; output so far:\n${up.output}`,
      limitMs: 120_000,
    });
  });
  afterAll(async () => {
    await up.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('has as many commands as were thought of', () => expect(commands).toHaveLength(8));
  commands.forEach((line, index) => {
    it(`${index + 1}: ${line}`, async () => {
      const [, shows = /^\b$/, expectedCode = 0] = expectations.find(([command]) => command.test(line)) ?? [];
      const { code, output } = await shell(line);
      expect(code, output).toBe(expectedCode);
      expect(output).toMatch(shows);
    });
  });
});
