// Writes docs/reference/traffic.md; `--check` only compares. Fails when a case claims a field that its resources do not set.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { areas } from './all-cases.ts';
import { claimProblems, trafficReference } from './reference.ts';

const path = join(resolve(import.meta.dirname, '../..'), 'docs/reference/traffic.md');
const problems = claimProblems(areas);
for (const problem of problems) console.error(problem);
const text = trafficReference(areas);
if (process.argv.includes('--check')) {
  const isCurrent = readFileSync(path, 'utf8') === text;
  if (!isCurrent) console.error('docs/reference/traffic.md is stale: run node test/traffic/generate-reference.ts');
  process.exitCode = isCurrent && problems.length === 0 ? 0 : 1;
} else {
  writeFileSync(path, text);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
