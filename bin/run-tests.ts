// `npm test`: runs every test (arguments go to vitest) and closes with `N passed, N failed, N skipped`, naming what was skipped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
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

interface VitestRun {
  readonly report: TestReport;
  readonly ok: boolean;
}

interface RunOptions {
  /** Gives way to what runs beside it. */
  readonly isHumble?: boolean;
  /** Says everything at its end, so that it does not talk into what runs beside it. */
  readonly isQuiet?: boolean;
}

/** Runs vitest once and reads what it reports. */
async function runVitest(args: readonly string[], { isHumble, isQuiet }: RunOptions = {}): Promise<VitestRun> {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-test-'));
  const reportFile = join(scratch, 'report.json');
  const saidFile = join(scratch, 'said');
  const said = isQuiet ? openSync(saidFile, 'w') : 'inherit';
  const child = spawn(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...args],
    { cwd: root, stdio: ['inherit', said, said] },
  );
  if (isHumble && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const [status] = (await once(child, 'exit')) as [number | null];
  if (said !== 'inherit') {
    closeSync(said);
    console.log(readFileSync(saidFile, 'utf8'));
  }
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport;
  rmSync(scratch, { recursive: true, force: true });
  return { report, ok: status === 0 };
}

/** Mostly waits for containers. */
const composeTest = 'test/compose.test.ts';

/**
 * The unit tests take what processors containers leave; all others one after the other: they measure shares, delays and failures, and want
 * the machine for themselves.
 */
async function runEverything(): Promise<readonly VitestRun[]> {
  const together = await Promise.all([
    runVitest(['--project', 'unit'], { isHumble: true }),
    runVitest(['--project', 'e2e', composeTest], { isQuiet: true }),
  ]);
  return [...together, await runVitest(['--project', 'e2e', '--exclude', composeTest])];
}

const args = process.argv.slice(2);
const runs = args.length > 0 ? [await runVitest(args)] : await runEverything();

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
