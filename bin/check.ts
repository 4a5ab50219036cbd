// `npm run check`: types, format and lint, typed lint, import boundaries, generated reference. Runs all of them and fails if any does.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { findBoundaryProblems } from './import-boundaries.ts';

const root = resolve(import.meta.dirname, '..');
const tools: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['typed lint', 'oxlint', '--type-aware', '--config', '.oxlintrc.json', '--deny-warnings'],
];

let failed = false;
for (const [name, command, ...args] of tools) {
  const started = performance.now();
  const run = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, encoding: 'utf8' });
  const ok = run.status === 0;
  failed ||= !ok;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${Math.round(performance.now() - started)} ms)`);
  if (!ok) console.log(`${run.stdout}${run.stderr}${run.error?.message ?? ''}`);
}
const reference = spawnSync(process.execPath, [join(root, 'bin/generate-reference.ts'), '--check'], {
  encoding: 'utf8',
});
failed ||= reference.status !== 0;
console.log(`${reference.status === 0 ? 'ok  ' : 'FAIL'} reference`);
if (reference.status !== 0) console.log(`  ${reference.stderr.trim()}`);
const problems = findBoundaryProblems(root);
console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} import boundaries`);
for (const problem of problems) console.log(`  ${problem}`);
process.exit(failed || problems.length > 0 ? 1 : 0);
