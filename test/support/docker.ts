// Finds a Docker engine to test with: the one that runs here, else one of our own, started as root with its data in the cache.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, openSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';
import { guardChild } from '../../agent/watchdog.ts';
import { type ComposePrograms, findComposes } from './compose-programs.ts';
import { baseImages, makeStandIns, neededForStandIns } from './container-images.ts';
import { runProgram } from './run-program.ts';
import { waitFor } from './wait-for.ts';

/** An engine with the base images that docker-compose.yml and the Dockerfile name. */
export interface Engine {
  /** Environment for `docker` and Compose. */
  readonly env: NodeJS.ProcessEnv;
  /** At least one. */
  readonly composes: ComposePrograms;
  /** Stops an engine of our own and starts it again, with the containers it had; undefined where it is somebody's. */
  readonly restart?: () => Promise<void>;
  /** Stops an engine of our own. */
  dispose(): Promise<void>;
}

/** An engine, or why there is none. Says on standard error what takes long. */
export async function findEngine(): Promise<Engine | { readonly why: string }> {
  if (!onPath('docker')) return { why: 'there is no docker command' };
  const composes = await findComposes();
  if (composes.found.length === 0) return { why: 'there is neither docker-compose nor docker compose' };
  if (await answers(process.env)) return await runningEngine(composes);
  if (process.getuid?.() !== 0) return { why: 'no engine runs, and only root can start one' };
  const missing = ['dockerd', 'iptables', ...neededForStandIns].filter((program) => !onPath(program));
  if (missing.length > 0) return { why: `no engine runs, and to start one there is no ${missing.join(', ')}` };
  return await ownEngine(composes);
}

/** Somebody's engine: its images are used as they are, nothing is put under an official name. */
async function runningEngine(composes: ComposePrograms): Promise<Engine | { readonly why: string }> {
  for (const image of Object.values(baseImages())) {
    const there = await runProgram('docker', ['image', 'inspect', image]);
    if (there.code === 0) continue;
    process.stderr.write(`pulling ${image} …\n`);
    const pull = await runProgram('docker', ['pull', image], { limitMs: 300_000 });
    if (pull.code !== 0) return { why: `the engine here can't pull ${image}: ${pull.output.trim().split('\n').pop()}` };
  }
  return { env: process.env, composes, dispose: async () => {} };
}

/** One at a time on a machine: the data folder, the network and its subnet are the same each time. */
async function ownEngine(composes: ComposePrograms): Promise<Engine | { readonly why: string }> {
  const folder = join(cacheFolder(), 'docker');
  let release = () => {};
  let engine: Engine | { readonly why: string } | undefined;
  const onWait = () => process.stderr.write('waiting for the Docker engine of another test run …\n');
  const released = withInstallLock({ path: join(folder, 'engine.lock'), onWait }, async () => {
    const held = new Promise<void>((resolve) => (release = resolve));
    engine = await startEngine(folder, composes);
    await held;
  });
  await waitFor(() => engine !== undefined, { limitMs: 1_500_000, what: 'a Docker engine' });
  if (engine === undefined || 'why' in engine) {
    release();
    await released;
    return engine ?? { why: 'no engine' };
  }
  const started = engine;
  return {
    ...started,
    dispose: async () => {
      await started.dispose();
      release();
      await released;
    },
  };
}

async function startEngine(folder: string, composes: ComposePrograms): Promise<Engine | { readonly why: string }> {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, 'dockerd.log');
  const env = { ...process.env, DOCKER_HOST: 'unix:///run/periplus-test-docker.sock' };
  let daemon = startDaemon(folder, { log, socket: env.DOCKER_HOST });
  const untilAnswering = async () => {
    await waitFor(async () => daemon.exitCode !== null || (await answers(env)), { limitMs: 60_000, what: 'dockerd' });
    return daemon.exitCode === null;
  };
  const dispose = () => stopDaemon(daemon);
  const restart = async () => {
    await stopDaemon(daemon);
    daemon = startDaemon(folder, { log, socket: env.DOCKER_HOST });
    if (!(await untilAnswering())) throw new Error(`dockerd ended: ${lastLine(log)}`);
  };
  try {
    if (!(await untilAnswering())) return { why: `dockerd ended: ${lastLine(log)}` };
    await makeStandIns(env);
    return { env, composes, restart, dispose };
  } catch (error) {
    await dispose();
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function startDaemon(folder: string, { log, socket }: { readonly log: string; readonly socket: string }): ChildProcess {
  const state = ['--exec-root', '/run/periplus-test-docker', '--pidfile', '/run/periplus-test-docker.pid'];
  const daemon = spawn('dockerd', ['--data-root', join(folder, 'data'), ...state, '-H', socket], {
    stdio: ['ignore', 'ignore', openSync(log, 'w')],
  });
  daemon.on('error', () => {});
  // A test run that is killed leaves no engine behind; containers that it had end when the next one starts.
  guardChild(daemon);
  return daemon;
}

async function stopDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(timer);
}

async function answers(env: NodeJS.ProcessEnv): Promise<boolean> {
  return (
    (await runProgram('docker', ['version', '--format', '{{.Server.Version}}'], { env, limitMs: 10_000 })).code === 0
  );
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').pop() ?? '';
}

/** Whether a program is on PATH. */
function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder || '.', program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
