// Runs one application of the demo as a child process, and starts it again some time after it dies.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { guardChild } from '../agent/watchdog.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { type Backoff, type Service, supervise } from '../lib/service.ts';

/** A dead instance stays away for at least this long, so that one can watch it leave the mesh and come back. */
const backoff: Backoff = { minMs: 4_000, maxMs: 15_000, healthyAfterMs: 20_000 };
/** After SIGTERM, before SIGKILL: the applications end the requests in flight within two seconds. */
const exitTimeoutMs = 3_000;

/** A Service that keeps `node file` running with `env` (nothing else of this process's environment but PATH). */
export class AppProcess implements Service {
  readonly name: string;
  readonly #options: {
    readonly file: string;
    readonly env: Record<string, string>;
    readonly logger: Logger;
    readonly clock: Clock;
  };
  #child: ChildProcess | undefined;

  constructor(options: { name: string; file: string; env: Record<string, string>; logger: Logger; clock: Clock }) {
    this.name = `app ${options.name}`;
    this.#options = options;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const once: Service = { name: this.name, run: (until) => this.#runOnce(until) };
    await supervise([once], { signal, clock, logger, backoff });
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { file, env, logger, clock } = this.#options;
    const environment = { ...(process.env.PATH && { PATH: process.env.PATH }), ...env };
    // Its own process group: Ctrl-C reaches this process alone, which then stops everything in order.
    const child = spawn(process.execPath, [file], {
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    guardChild(child);
    this.#child = child;
    const say = (line: string) => logger.debug({ app: this.name }, line);
    createInterface({ input: child.stdout }).on('line', say);
    createInterface({ input: child.stderr }).on('line', (line) => logger.warn({ app: this.name }, line));
    const ended = endOf(child);
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    const done = new AbortController();
    signal.addEventListener('abort', () => killLater(child, clock, done.signal), { once: true });
    const reason = await ended;
    signal.removeEventListener('abort', stop);
    done.abort();
    if (!signal.aborted) throw new MeshError('unavailable', reason);
  }
}

function killLater(child: ChildProcess, clock: Clock, done: AbortSignal): void {
  clock.sleep(exitTimeoutMs, done).then(
    () => child.kill('SIGKILL'),
    () => {},
  );
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with exit code ${code}`));
  });
}
