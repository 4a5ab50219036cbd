// A real Prometheus for tests, where the machine has one (Debian's package prometheus): it scrapes a page that a test gives.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardChild } from '../../agent/watchdog.ts';
import { freePorts } from './free-port.ts';

/** Why there is none; undefined: there is one. */
export const noPrometheus =
  spawnSync('prometheus', ['--version']).status === 0
    ? undefined
    : 'there is no prometheus on the PATH (Debian: apt install prometheus)';

/** One server that scrapes one page every second. */
export class TestPrometheus {
  readonly #folder = mkdtempSync(join(tmpdir(), 'periplus-prometheus-'));
  readonly #url: string;
  readonly #process: ChildProcess;
  readonly #pages: Server;

  private constructor(port: number, pages: Server, pagesPort: number) {
    this.#url = `http://127.0.0.1:${port}`;
    this.#pages = pages;
    const config = join(this.#folder, 'prometheus.yml');
    const job = { job_name: 'test', scrape_interval: '1s', static_configs: [{ targets: [`127.0.0.1:${pagesPort}`] }] };
    writeFileSync(config, JSON.stringify({ scrape_configs: [job] }));
    const storage = ['--storage.tsdb.path', join(this.#folder, 'tsdb'), '--web.listen-address', `127.0.0.1:${port}`];
    this.#process = spawn('prometheus', ['--config.file', config, ...storage], { stdio: 'ignore' });
    guardChild(this.#process);
  }

  /** Starts one that scrapes what `page` gives. */
  static async start(page: () => string): Promise<TestPrometheus> {
    const [port = 0, pagesPort = 0] = await freePorts(2);
    const pages = createServer((_, response) => response.end(page()));
    await new Promise<void>((resolve) => pages.listen(pagesPort, '127.0.0.1', resolve));
    return new TestPrometheus(port, pages, pagesPort);
  }

  /** The value of a query that has one sample; undefined while it has none, or the server does not answer yet. */
  async value(query: string): Promise<number | undefined> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => undefined);
    if (response?.ok !== true) return undefined;
    const { data } = (await response.json()) as Answer;
    return data.result[0] === undefined ? undefined : Number(data.result[0].value[1]);
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await gone;
    this.#pages.closeAllConnections();
    this.#pages.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Prometheus' HTTP API, "Instant queries". */
interface Answer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}
