// Real Redis servers for tests, where the machine has one (Debian's package redis-server).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { guardChild } from '../../agent/watchdog.ts';
import { freePorts } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** One server that keeps nothing on disk. */
export class TestRedis {
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  /** Starts a server, or gives why none can be had. */
  static async start(): Promise<TestRedis | { readonly why: string }> {
    if (spawnSync('redis-server', ['--version']).error !== undefined)
      return { why: 'there is no redis-server on this machine' };
    const [port = 0] = await freePorts(1);
    const server = new TestRedis(port);
    await server.restart();
    return server;
  }

  /** Starts it empty; resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', args, { stdio: 'ignore' });
    guardChild(child);
    this.#process = child;
    await waitFor(() => this.#answers(), { what: 'redis-server' });
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.once('connect', () => end(true));
      socket.once('error', () => end(false));
    });
  }
}
