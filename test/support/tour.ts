// The README's tour: its commands, what each must show, and how a newcomer runs them.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, root } from './periplus.ts';

/** What each command of the tour must show, and its exit code where that is not 0. */
export const expectations: readonly (readonly [command: RegExp, shows: RegExp, code?: number])[] = [
  [/^curl .*reviews$/, /"version": ?"v[123]"/],
  [/ proxy-status$/, /productpage-v1\.default( +SYNCED){4} /],
  [/ get virtualservices$/, /reviews/],
  [/ diff -f /, /-\s+weight: 90\n\+\s+weight: 50/, 1],
  [/ apply -f .*--wait$/, /reviews configured\n7\/7 proxies\n/],
  [
    / describe service reviews$/,
    /VirtualService\/default\/reviews: host .*; since position \d+, .*, by user:[\s\S]*subset v1/,
  ],
  [/ history /, /user:.*\n.*weight: 90 → 50/],
  [/ at \d+ get virtualservice /, /weight: 90\n[\s\S]*weight: 10\n/],
  [/ at \d+ proxy-config routes /, /\|v1\|reviews\.default\.svc\.cluster\.local 90/],
  [/ replay --verify$/, /^equal: /],
  [/ render /, /"listeners": \[\n/],
];

/** The commands of the section's `sh` blocks, without their comments. */
export function commandsOf(section: string): readonly string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const text = readme.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Runs one line as a terminal would, where a newcomer would. */
export function shell(line: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', line], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
