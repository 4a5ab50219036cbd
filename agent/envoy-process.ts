// Runs one Envoy: starts it with a bootstrap, says when it ended, and drains it before it is stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import { EnvoyAdmin } from './envoy-admin.ts';
import type { Json } from './proxy-node.ts';
import { guardChild } from './watchdog.ts';

/** What one start of an Envoy is given. */
export interface EnvoyLaunch {
  readonly bootstrap: Readonly<Record<string, Json>>;
  /** Worker threads. */
  readonly concurrency: number;
  /** Variables added to those of this process. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How an Envoy is run. */
export interface EnvoyProcessOptions {
  /** For messages. */
  readonly name: string;
  readonly binary: string;
  /** Asked at each start. */
  readonly launch: () => EnvoyLaunch;
  /** Folder of its own for bootstrap and admin address; made if absent. */
  readonly folder: string;
  /** Time that listeners serve on when the process is to stop. */
  readonly drainSeconds: number;
  /** Envoy's own log, which is passed on to `logger`. */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';
  readonly logger: Logger;
  readonly clock: Clock;
}

/** After SIGTERM, before SIGKILL: flushing logs and closing sockets takes far less. */
const exitTimeoutMs = 3_000;

/** A Service that runs Envoy once: it rejects when Envoy ends by itself, and drains and stops it when its signal is aborted. */
export class EnvoyProcess implements Service {
  readonly name: string;
  readonly #options: EnvoyProcessOptions;
  #child: ChildProcess | undefined;
  #starts = 0;

  constructor(options: EnvoyProcessOptions) {
    this.#options = options;
    this.name = `envoy ${options.name}`;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.exitCode === null ? this.#child.pid : undefined;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  /** Its admin interface, undefined until it listens: the port may have been chosen by the system. */
  get admin(): EnvoyAdmin | undefined {
    try {
      const address = readFileSync(join(this.#options.folder, 'admin-address'), 'utf8').trim();
      return address && this.pid !== undefined ? new EnvoyAdmin(`http://${address}`) : undefined;
    } catch {
      return undefined;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const child = this.#start();
    const ended = endOf(child);
    const stopping = new Promise<'stop'>((resolve) => {
      signal.addEventListener('abort', () => resolve('stop'), { once: true });
    });
    const first = await Promise.race([ended, stopping]);
    if (first !== 'stop') throw new MeshError('unavailable', `Envoy ended by itself: ${first}`);
    await this.#drain(ended);
    await this.#stop(child, ended);
  }

  #start(): ChildProcess {
    const { binary, folder, launch, drainSeconds, logLevel } = this.#options;
    const { bootstrap, concurrency, environment } = launch();
    mkdirSync(folder, { recursive: true });
    killLeftover(folder);
    const addressPath = join(folder, 'admin-address');
    rmSync(addressPath, { force: true });
    const configPath = join(folder, 'bootstrap.json');
    writeFileSync(configPath, `${JSON.stringify(bootstrap, null, 2)}\n`);
    // No hot restart: it would need a base id per Envoy on the host and shared memory, and the agent never uses it.
    const identity = ['--config-path', configPath, '--disable-hot-restart', '--admin-address-path', addressPath];
    const limits = [
      '--concurrency',
      String(concurrency),
      '--drain-time-s',
      String(Math.max(1, Math.ceil(drainSeconds))),
    ];
    const logging = ['--log-level', logLevel, '--log-format', '%l|%n|%v', '--skip-deprecated-logs'];
    // Its own process group: Ctrl-C on the terminal must reach the agent alone, which then drains Envoy.
    const child = spawn(binary, [...identity, ...limits, ...logging], {
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    guardChild(child);
    if (child.pid !== undefined) writeFileSync(join(folder, 'pid'), String(child.pid));
    this.#child = child;
    this.#starts++;
    this.#passOnLog(child);
    return child;
  }

  #passOnLog(child: ChildProcess): void {
    if (!child.stderr) return;
    const logger = this.#options.logger.child({ proxy: this.#options.name });
    createInterface({ input: child.stderr }).on('line', (line) => {
      const [level = '', source = '', ...rest] = line.split('|');
      const fields = rest.length > 0 ? { envoy: source } : {};
      const message = rest.length > 0 ? rest.join('|') : line;
      if (level === 'error' || level === 'critical') logger.error(fields, message);
      else if (level === 'warning') logger.warn(fields, message);
      else logger.debug(fields, message);
    });
  }

  /** Lets requests in flight end: at most `drainSeconds`, less when no connection is left. */
  async #drain(ended: Promise<string>): Promise<void> {
    const { drainSeconds, clock, logger, name } = this.#options;
    const { admin } = this;
    if (drainSeconds <= 0 || !admin) return;
    const untilMs = clock.nowMs() + drainSeconds * 1_000;
    let over = false;
    void ended.then(() => (over = true));
    try {
      await admin.startDraining();
      while (!over && clock.nowMs() < untilMs && (await admin.activeConnections()) > 0) await clock.sleep(100);
    } catch (error) {
      logger.warn({ proxy: name, error: messageOf(error) }, 'Envoy could not be drained; stopping it');
    }
  }

  async #stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
    child.kill('SIGTERM');
    const giveUp = new AbortController();
    const timeout = this.#options.clock.sleep(exitTimeoutMs, giveUp.signal).then(
      () => child.kill('SIGKILL'),
      () => {},
    );
    await ended;
    giveUp.abort();
    await timeout;
  }
}

/** Resolves, never rejects, with how the process ended. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
}

/**
 * Kills the Envoy of an earlier agent in this folder, should it and its watchdog both have been killed: it would hold the ports.
 * Only a process whose command line names the folder's bootstrap is touched.
 */
function killLeftover(folder: string): void {
  try {
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (command.includes(join(folder, 'bootstrap.json'))) process.kill(pid, 'SIGKILL');
  } catch {
    // No earlier run, it has ended, or this system has no /proc.
  }
}
