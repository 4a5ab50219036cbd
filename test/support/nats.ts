// Real nats-servers with JetStream for tests: start one, kill it, start it again on the same store.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardChild } from '../../agent/watchdog.ts';
import { freePorts } from './free-port.ts';
import { findNatsServer } from './nats-install.ts';
import { waitFor } from './wait-for.ts';

/** What the configuration may say otherwise. */
export interface TestNatsOptions {
  /** Whether it syncs every write; true by default. */
  readonly syncAlways?: boolean;
  /** What JetStream may take of the disk; by default most of what is free when it starts. */
  readonly maxFile?: string;
  /** More lines of its configuration. */
  readonly more?: string;
  /** Where JetStream keeps its files; a folder of its own by default. */
  readonly storeDirectory?: string;
}

/** One server on a store of its own. */
export class TestNats {
  readonly port: number;
  readonly monitoringPort: number;
  /** Folder of its JetStream store. */
  readonly store: string;
  readonly #path: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(
    path: string,
    ports: { readonly client: number; readonly monitoring: number },
    folder: string,
    store = join(folder, 'store'),
  ) {
    this.#path = path;
    this.#folder = folder;
    this.port = ports.client;
    this.monitoringPort = ports.monitoring;
    this.store = store;
  }

  /** Starts a server, or gives why none can be had. */
  static async start(options: TestNatsOptions = {}): Promise<TestNats | { readonly why: string }> {
    const found = await findNatsServer();
    if ('why' in found) return found;
    const [client = 0, monitoring = 0] = await freePorts(2);
    const folder = mkdtempSync(join(tmpdir(), 'periplus-nats-'));
    const server = new TestNats(found.path, { client, monitoring }, folder, options.storeDirectory);
    server.configure(options);
    await server.restart();
    return server;
  }

  /** Starts a cluster of three on this machine, or gives why it can't be had. */
  static async startCluster(): Promise<readonly TestNats[] | { readonly why: string }> {
    const found = await findNatsServer();
    if ('why' in found) return found;
    const ports = await freePorts(9);
    const routes = ports.slice(6).map((port) => `"nats://127.0.0.1:${port}"`);
    const servers = [0, 1, 2].map((i) => {
      const [client = 0, monitoring = 0, cluster = 0] = [ports[i], ports[3 + i], ports[6 + i]];
      const server = new TestNats(found.path, { client, monitoring }, mkdtempSync(join(tmpdir(), 'periplus-nats-')));
      const listen = `listen: "127.0.0.1:${cluster}", routes: [${routes.join(', ')}]`;
      server.configure({ more: `server_name: "n${i}"\ncluster { name: "test", ${listen} }` });
      return server;
    });
    await Promise.all(servers.map((server) => server.restart()));
    return servers;
  }

  /** `nats://…` with a mesh of its own. */
  url(mesh?: string): string {
    return `nats://127.0.0.1:${this.port}${mesh === undefined ? '' : `/${mesh}`}`;
  }

  /** Writes its configuration; takes effect at the next `restart`. */
  configure({ syncAlways = true, maxFile, more = '' }: TestNatsOptions): void {
    const sync = `${syncAlways ? 'sync_interval: always' : ''}\n${maxFile === undefined ? '' : `max_file: ${maxFile}`}`;
    const text = `host: "127.0.0.1"\nport: ${this.port}\nhttp: "127.0.0.1:${this.monitoringPort}"\njetstream { store_dir: "${this.store}", ${sync} }\n${more}\n`;
    writeFileSync(join(this.#folder, 'nats.conf'), text);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Has it end in order, so that it writes its indexes. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Starts it on the store as it is; resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    const child = spawn(this.#path, ['-c', join(this.#folder, 'nats.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    guardChild(child);
    child.stderr.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${this.#output}`);
        const url = `http://127.0.0.1:${this.monitoringPort}/healthz`;
        return (await fetch(url).catch(() => undefined))?.status === 200;
      },
      { what: () => `nats-server to answer: ${this.#output}` },
    );
  }

  /** Kills it and deletes its store. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
