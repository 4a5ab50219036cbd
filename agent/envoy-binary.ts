// Finds the Envoy to run: `$PERIPLUS_ENVOY`, else `envoy` on PATH, else a pinned release installed once into the cache.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MeshError } from '../lib/mesh-error.ts';
import { installEnvoy } from './envoy-install.ts';
import { envoyVersion } from './envoy-release.ts';
import { withInstallLock } from './install-lock.ts';

/** An Envoy that has answered `--version`. */
export interface EnvoyBinary {
  readonly path: string;
  /** `1.40.0`. */
  readonly version: string;
  readonly source: 'environment' | 'path' | 'cache';
}

/** How `ensureEnvoy` reports and what it reads. */
export interface EnsureEnvoyOptions {
  /** One line for people, each time something starts or has gone on for a second. Default: silent. */
  readonly onProgress?: (message: string) => void;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Folder for what is built or downloaded once: `$PERIPLUS_CACHE`, `$XDG_CACHE_HOME/periplus` or `~/.cache/periplus`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.PERIPLUS_CACHE) return env.PERIPLUS_CACHE;
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'periplus');
}

/** Looks for an Envoy without installing one (on PATH: 1.30 or later); undefined when there is none. Throws MeshError when $PERIPLUS_ENVOY is unusable. */
export function findEnvoy(env: NodeJS.ProcessEnv = process.env): EnvoyBinary | undefined {
  if (env.PERIPLUS_ENVOY) return fromEnvironment(env.PERIPLUS_ENVOY);
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', 'envoy');
    const version = isExecutable(path) ? versionOf(path) : undefined;
    if (version && isRecent(version)) return { path, version, source: 'path' };
  }
  const path = cachedPath(env);
  const version = isExecutable(path) ? versionOf(path) : undefined;
  return version ? { path, version, source: 'cache' } : undefined;
}

/**
 * Returns an Envoy that runs on this machine, installing version 1.40.0 into the cache if there is none (about 37 MB, once).
 * Callers at the same time, in this or another process, wait for one install. Throws MeshError `unavailable` with what to do.
 */
export async function ensureEnvoy(options: EnsureEnvoyOptions = {}): Promise<EnvoyBinary> {
  const env = options.env ?? process.env;
  const found = findEnvoy(env);
  if (found) return found;
  const target = cachedPath(env);
  const onProgress = options.onProgress ?? (() => {});
  const onWait = () => onProgress('waiting for another process that installs Envoy …');
  const signal = options.signal && { signal: options.signal };
  return withInstallLock({ path: `${target}.lock`, onWait, ...signal }, async () => {
    const installedMeanwhile = findEnvoy(env);
    if (installedMeanwhile) return installedMeanwhile;
    await installEnvoy({ target, env, onProgress, ...signal });
    const version = versionOf(target);
    if (version) return { path: target, version, source: 'cache' };
    const advice = 'Set PERIPLUS_ENVOY to one that does, or use Docker.';
    throw new MeshError('unavailable', `The installed Envoy does not run here: ${whyNot(target)}. ${advice}`);
  });
}

/** Older ones lack fields of our bootstrap; an Envoy that happens to be on PATH is then passed over, as nobody chose it. */
function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || minor >= 30;
}

/** The file that an install creates, by one rename, only when it is whole. */
function cachedPath(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), `envoy-${envoyVersion}-${process.platform}-${process.arch}`, 'envoy');
}

function fromEnvironment(path: string): EnvoyBinary {
  const advice = 'Point PERIPLUS_ENVOY at an Envoy executable, or unset it to have one installed.';
  if (!isExecutable(path))
    throw new MeshError('unavailable', `PERIPLUS_ENVOY=${path} is not an executable file. ${advice}`);
  const version = versionOf(path);
  if (version) return { path, version, source: 'environment' };
  const why = whyNot(path);
  throw new MeshError(
    'unavailable',
    `PERIPLUS_ENVOY=${path} does not answer --version as Envoy does: ${why}. ${advice}`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Reads `version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`; undefined when the file is no Envoy or does not run. */
function versionOf(path: string): string | undefined {
  const run = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  return run.status === 0 ? /version: [0-9a-f]+\/(\d+\.\d+\.\d+[^/]*)\//.exec(run.stdout)?.[1] : undefined;
}

function whyNot(path: string): string {
  const run = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  const said = run.error?.message || run.stderr.trim() || run.stdout.trim() || `exit code ${run.status}`;
  return (said.split('\n')[0] ?? '').slice(0, 200);
}
