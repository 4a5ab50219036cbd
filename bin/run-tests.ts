// `npm test`: runs every test (arguments go to vitest) and closes with `N passed, N failed, N skipped`, naming what was skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const root = resolve(import.meta.dirname, '..');
const relative = (file: string) => file.replace(`${root}/`, '');

/** Runs vitest once and reads what it reports. */
function runVitest(args: readonly string[]): { readonly report: TestReport; readonly ok: boolean } {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-test-'));
  const reportFile = join(scratch, 'report.json');
  const run = spawnSync(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...args],
    { cwd: root, stdio: 'inherit' },
  );
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport;
  rmSync(scratch, { recursive: true, force: true });
  return { report, ok: run.status === 0 };
}

const args = process.argv.slice(2);
// One after the other: the end-to-end tests measure shares, delays and failures, and want the machine for themselves.
const runs = args.length > 0 ? [runVitest(args)] : [runVitest(['--project', 'unit']), runVitest(['--project', 'e2e'])];

const files = runs.flatMap(({ report }) => report.testResults);
const broken = files.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
for (const file of broken) console.log(`failed to load: ${relative(file.name)}: ${file.message}`);
const tests = files.flatMap((file) =>
  file.assertionResults.map((test) => ({ status: test.status, name: `${relative(file.name)}: ${test.fullName}` })),
);
const failed = tests.filter(({ status }) => status === 'failed');
const skipped = tests.filter(({ status }) => status === 'pending' || status === 'skipped' || status === 'todo');
const passed = tests.length - failed.length - skipped.length;
for (const { name } of skipped) console.log(`skipped: ${name}`);
for (const { name } of failed) console.log(`failed: ${name}`);
console.log(`\n${passed} passed, ${failed.length + broken.length} failed, ${skipped.length} skipped`);
process.exit(runs.every(({ ok }) => ok) && failed.length + broken.length === 0 && passed > 0 ? 0 : 1);
