// `npm test`: runs every test (arguments go to vitest) and closes with `N passed, N failed, N skipped`, naming what was skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const root = resolve(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'periplus-test-'));
const reportFile = join(scratch, 'report.json');
const run = spawnSync(
  join(root, 'node_modules/.bin/vitest'),
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
const report = JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport;
rmSync(scratch, { recursive: true, force: true });

const relative = (file: string) => file.replace(`${root}/`, '');
const brokenFiles = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
for (const file of brokenFiles) console.log(`failed to load: ${relative(file.name)}: ${file.message}`);
const skipped = report.testResults.flatMap((file) =>
  file.assertionResults
    .filter((test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo')
    .map((test) => `${relative(file.name)}: ${test.fullName}`),
);
for (const name of skipped) console.log(`skipped: ${name}`);
const failed = report.numFailedTests + brokenFiles.length;
console.log(`\n${report.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(run.status === 0 && failed === 0 && report.numPassedTests > 0 ? 0 : 1);
