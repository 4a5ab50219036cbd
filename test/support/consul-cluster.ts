// Several real Consul servers that elect a leader, for tests that take it away.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardChild } from '../../agent/watchdog.ts';
import { findConsul } from './consul-install.ts';
import { freePorts } from './free-port.ts';
import { waitFor } from './wait-for.ts';

interface Server {
  readonly url: string;
  readonly rpc: string;
  readonly process: ChildProcess;
}

/** One datacenter of three servers. */
export class ConsulCluster {
  readonly #folder: string;
  readonly #servers: readonly Server[];
  #output = '';

  private constructor(folder: string, servers: readonly Server[]) {
    this.#folder = folder;
    this.#servers = servers;
    for (const { process } of servers)
      for (const stream of [process.stdout, process.stderr])
        stream?.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
  }

  /** Starts three; resolves when they have a leader. */
  static async start(): Promise<ConsulCluster> {
    const found = await findConsul();
    if ('why' in found) throw new Error(found.why);
    const folder = mkdtempSync(join(tmpdir(), 'periplus-consul-cluster-'));
    const all = await freePorts(12);
    const ports = [0, 1, 2].map((index) => all.slice(index * 4, index * 4 + 4));
    const joins = ports.flatMap(([, , serf]) => ['-retry-join', `127.0.0.1:${serf}`]);
    const servers = ports.map(([http, server, serfLan, serfWan], index) => {
      const settings = {
        ports: { http, server, serf_lan: serfLan, serf_wan: serfWan, dns: -1, grpc: -1, grpc_tls: -1 },
        // The default, 5, is for small machines; elections take that many times longer.
        performance: { raft_multiplier: 1 },
      };
      const place = ['-data-dir', join(folder, String(index)), '-bind', '127.0.0.1', '-node', `server-${index}`];
      const args = ['agent', '-server', '-bootstrap-expect', '3', ...place, ...joins, '-retry-interval', '1s'];
      const process = spawn(found.path, [...args, '-hcl', JSON.stringify(settings)], { stdio: 'pipe' });
      guardChild(process);
      return { url: `http://127.0.0.1:${http}`, rpc: `127.0.0.1:${server}`, process };
    });
    const cluster = new ConsulCluster(folder, servers);
    await cluster.untilLed();
    return cluster;
  }

  /** URLs of the servers that live and are not the leader. */
  async followers(): Promise<readonly string[]> {
    const leader = await this.#leader();
    return this.#alive()
      .filter(({ rpc }) => rpc !== leader)
      .map(({ url }) => url);
  }

  /** kill -9 of the leader. */
  async killLeader(): Promise<void> {
    const leader = await this.#leader();
    const server = this.#alive().find(({ rpc }) => rpc === leader);
    if (!server) throw new Error(`no server is the leader ${leader}`);
    const gone = new Promise((resolve) => server.process.once('exit', resolve));
    server.process.kill('SIGKILL');
    await gone;
  }

  /** Resolves when those that live agree on a leader among them that answers. */
  async untilLed(): Promise<void> {
    await waitFor(
      async () => {
        const leader = await this.#leader();
        const answer = await fetch(`${this.#alive()[0]?.url}/v1/catalog/services`).catch(() => undefined);
        return this.#alive().some(({ rpc }) => rpc === leader) && answer?.status === 200;
      },
      { what: () => `a leader: ${this.#output}`, limitMs: 90_000 },
    );
  }

  /** kill -9 of all. */
  stop(): void {
    for (const { process } of this.#servers) process.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #alive(): readonly Server[] {
    return this.#servers.filter(({ process }) => process.exitCode === null && process.signalCode === null);
  }

  async #leader(): Promise<string> {
    const answers = await Promise.all(
      this.#alive().map(async ({ url }) => {
        const response = await fetch(`${url}/v1/status/leader`, { signal: AbortSignal.timeout(5_000) });
        return response.ok ? ((await response.json()) as string) : '';
      }),
    ).catch(() => ['']);
    return new Set(answers).size === 1 ? (answers[0] ?? '') : '';
  }
}
