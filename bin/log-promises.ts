// `npm run promises`: runs the contract suite of every log and writes what came of it, each log × each promise, to docs/log-promises.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const suite = 'keeps the promises of EventLog';

/** Columns, and how each suite calls its log. */
const logs = [
  ['memory', 'MemoryLog'],
  ['SQLite', 'SqliteLog'],
  ['JetStream', 'JetStreamLog'],
  ['KurrentDB’s protocol, on a fake', "KurrentDbLog on a fake of KurrentDB's protocol"],
  ['KurrentDB', 'KurrentDbLog on a KurrentDB server'],
] as const;

interface Assertion {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/** What vitest says of the four suites. */
function runSuites(): readonly Assertion[] {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-promises-'));
  try {
    const report = join(scratch, 'report.json');
    const files = ['memory', 'sqlite', 'jetstream', 'kurrentdb'].map((name) => `events/logs/${name}.test.ts`);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const args = ['run', '--project', 'unit', '-t', suite, ...reporters, ...files];
    spawnSync(join(root, 'node_modules/.bin/vitest'), args, { cwd: root, stdio: 'inherit' });
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
      testResults: readonly { readonly assertionResults: readonly Assertion[] }[];
    };
    return testResults.flatMap(({ assertionResults }) => assertionResults);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The page: a row for each promise that any log was asked for. */
function pageOf(all: readonly Assertion[]): string {
  const found = new Map<string, string>();
  const rows = new Map<string, string>();
  for (const { ancestorTitles, status, title } of all) {
    const [log = '', part] = ancestorTitles;
    if (part === undefined) continue;
    rows.set(`${part}|${title}`, `| ${part} | ${title} |`);
    found.set(`${log}|${part}|${title}`, status);
  }
  const cell = (name: string, promise: string) => {
    const status = found.get(`${name} ${suite}|${promise}`);
    return status === 'passed' ? 'kept' : status === 'failed' ? '**broken**' : 'not run';
  };
  const lines = [...rows].map(([key, row]) => `${row} ${logs.map(([, name]) => cell(name, key)).join(' | ')} |`);
  return `# What every log promises, and which keeps it

Written by \`npm run promises\` from one run of the contract suite (events/logs/contract.ts) on each log. \`not run\`: a log in memory is never opened again; a KurrentDB server
is only there when \`PERIPLUS_KURRENTDB_URL\` names one. JetStream is a real nats-server that syncs every write.

| | promise | ${logs.map(([title]) => title).join(' | ')} |
|---|---|${logs.map(() => '---|').join('')}
${lines.join('\n')}
`;
}

const assertions = runSuites();
writeFileSync(join(root, 'docs/log-promises.md'), pageOf(assertions));
console.log('wrote docs/log-promises.md');
process.exitCode = assertions.some(({ status }) => status === 'failed') ? 1 : 0;
