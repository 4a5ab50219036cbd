// Real Envoys for tests: validate a bootstrap, start one, read what it holds.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEnvoy } from '../../agent/envoy-binary.ts';
import { guardChild } from '../../agent/watchdog.ts';
import { waitFor } from './wait-for.ts';

/** Path of the Envoy to test with, installed if there is none. */
export async function envoyPath(): Promise<string> {
  const onProgress = (message: string) => process.stderr.write(`${message}\n`);
  return (await ensureEnvoy({ onProgress })).path;
}

/** Envoy's verdict on a bootstrap (`--mode validate`): '' when it is content, else what it says. */
export async function validateWithEnvoy(bootstrap: unknown): Promise<string> {
  const envoy = await envoyPath();
  return await inFolder(async (folder) => {
    const path = join(folder, 'bootstrap.json');
    writeFileSync(path, JSON.stringify(bootstrap));
    const args = ['--mode', 'validate', '-c', path, '-l', 'warning', '--disable-hot-restart'];
    // A file, not Node's pipe: that is a socket, which can't be opened as /dev/stdout, where access logs may go.
    const outputPath = join(folder, 'output');
    const output = openSync(outputPath, 'w');
    const child = spawn(envoy, args, { stdio: ['ignore', output, output], timeout: 60_000, killSignal: 'SIGKILL' });
    const status = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
    closeSync(output);
    const lines = readFileSync(outputPath, 'utf8').split('\n');
    const said = lines
      .filter((line) => !line.includes('Deprecated field'))
      .join('\n')
      .trim();
    // What is read from files, such as endpoints, is refused with a warning.
    return status === 0 && !/rejected/i.test(said) ? '' : said || `exit code ${String(status)}`;
  });
}

/** An Envoy that a test started. */
export interface TestEnvoy {
  readonly adminPort: number;
  readonly pid: number;
  /** Everything it wrote to standard error. */
  output(): string;
  stop(): Promise<void>;
}

/** Where and how an Envoy runs. */
export interface EnvoyPlace {
  /** Program and arguments before Envoy's own, such as `ip netns exec NAME`. */
  readonly wrap?: readonly string[];
  /** Where the admin interface is asked. */
  readonly adminHost?: string;
  /** Its working folder; by default the test's. */
  readonly cwd?: string;
  /** Variables beside the test's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts Envoy with `bootstrap`, whose admin port may be 0, and `flags`; waits until its admin interface answers. */
export async function startEnvoy(
  bootstrap: unknown,
  flags: readonly string[] = [],
  { wrap = [], adminHost = '127.0.0.1', cwd, env = {} }: EnvoyPlace = {},
): Promise<TestEnvoy> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-envoy-'));
  const configPath = join(folder, 'bootstrap.json');
  const addressPath = join(folder, 'admin-address');
  writeFileSync(configPath, JSON.stringify(bootstrap));
  const settings = [
    '--disable-hot-restart',
    '--concurrency',
    '1',
    '-l',
    'warning',
    '--admin-address-path',
    addressPath,
    ...flags,
  ];
  const [program = '', ...args] = [...wrap, await envoyPath(), '-c', configPath, ...settings];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd, env: { ...process.env, ...env } });
  guardChild(child);
  let output = '';
  child.stderr.on('data', (chunk) => (output += chunk));
  const stop = () => stopChild(child).finally(() => rmSync(folder, { recursive: true, force: true }));
  try {
    let adminPort: number | undefined;
    const answers = async () =>
      (adminPort = await adminPortOf(child, { addressPath, adminHost }, output)) !== undefined;
    await waitFor(answers, { what: 'Envoy’s admin interface' });
    return { adminPort: adminPort ?? 0, pid: child.pid ?? 0, output: () => output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function adminPortOf(
  child: ChildProcess,
  { addressPath, adminHost }: { readonly addressPath: string; readonly adminHost: string },
  output: string,
): Promise<number | undefined> {
  if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}: ${output}`);
  try {
    const port = Number(readFileSync(addressPath, 'utf8').split(':').pop());
    return (await fetch(`http://${adminHost}:${port}/ready`)).status > 0 ? port : undefined;
  } catch {
    return undefined;
  }
}

function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** What an Envoy holds, endpoints included: the body of `/config_dump?include_eds`. */
export async function configDump(
  adminPort: number,
  host = '127.0.0.1',
): Promise<{ readonly configs: readonly unknown[] }> {
  const response = await fetch(`http://${host}:${adminPort}/config_dump?include_eds`);
  return (await response.json()) as { readonly configs: readonly unknown[] };
}

/** A port on 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-envoy-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
