// `npm run guards [TEXT]`: takes each guard of test/security/guards.ts away (those whose attack has TEXT in it) and runs its test, which has to fail.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Guard, guards } from '../test/security/guards.ts';

const root = resolve(import.meta.dirname, '..');
/** What of the checkout is not copied: large, or not needed by tests. */
const left = new Set(['node_modules', '.git', 'dist', '.periplus']);
/** Of one case: without its guard a test may wait for what never comes. */
const caseLimitMs = 30_000;

const wanted = guards.filter(({ attack }) => attack.includes(process.argv[2] ?? ''));
// The checkout itself stays as it is, whatever happens to this process.
const scratch = mkdtempSync(join(tmpdir(), 'periplus-guards-'));
const missed: Guard[] = [];
try {
  cpSync(root, scratch, {
    recursive: true,
    filter: (from) => from === root || !left.has(from.slice(root.length + 1)),
  });
  symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));
  // With all guards they pass, within the same limit.
  for (const test of new Set(wanted.map(commandOf))) {
    if (passes(test.split(' -t '))) console.log(`passes  ${test}`);
    else throw new Error(`${test} fails with all guards`);
  }
  for (const guard of wanted) {
    const held = passesWithout(guard);
    if (held) missed.push(guard);
    console.log(`${held ? 'MISSED' : 'seen  '}  ${guard.attack}  (${guard.file}; ${guard.test})`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  `\n${wanted.length - missed.length} of ${wanted.length} guards are missed by their tests when they are away`,
);
process.exit(missed.length === 0 && wanted.length > 0 ? 0 : 1);

function commandOf({ test, named }: Guard): string {
  return named === undefined ? test : `${test} -t ${named}`;
}

/** Whether the guard's test passes in the copy without it. */
function passesWithout(guard: Guard): boolean {
  const path = join(scratch, guard.file);
  const whole = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    whole.replace(guard.guard, () => guard.without),
  );
  const passed = passes(commandOf(guard).split(' -t '));
  writeFileSync(path, whole);
  return passed;
}

function passes([test = '', named]: readonly string[]): boolean {
  const project = test.startsWith('test/') ? 'e2e' : 'unit';
  const limits = ['--retry', '0', '--bail', '1', '--testTimeout', String(caseLimitMs)];
  const args = ['run', '--project', project, ...limits, test, ...(named === undefined ? [] : ['-t', named])];
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/vitest'), args, {
    cwd: scratch,
    encoding: 'utf8',
  });
  // A file that does not load proves nothing of its guard.
  if (/SyntaxError|Transform failed|No test files found/.test(stdout))
    throw new Error(`${test}: ${stdout.slice(-2_000)}`);
  return status === 0;
}
