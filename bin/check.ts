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
for (const [name, script] of [
  ['reference', 'bin/generate-reference.ts'],
  ['reference of traffic management', 'test/traffic/generate-reference.ts'],
] as const) {
  const run = spawnSync(process.execPath, [join(root, script), '--check'], { encoding: 'utf8' });
  failed ||= run.status !== 0;
  console.log(`${run.status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  if (run.status !== 0) console.log(`  ${run.stderr.trim()}`);
}
const problems = findBoundaryProblems(root);
console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} import boundaries`);
for (const problem of problems) console.log(`  ${problem}`);
process.exit(failed || problems.length > 0 ? 1 : 0);
