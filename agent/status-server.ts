// The agent's own HTTP port: readiness of the proxy, health of the application, and all metrics in one.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createBoundedHttpServer } from '../lib/bounded-http-server.ts';
import { messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import type { Readiness } from './envoy-admin.ts';
import { mergeMetrics } from './merge-metrics.ts';
import type { Health } from './probe.ts';

/** What the server tells, asked at each request. */
export interface StatusSources {
  readiness(): Promise<Readiness>;
  /** Undefined where no probe is configured, or none has answered yet. */
  appHealth(): Health | undefined;
  /** Prometheus texts by source; one that rejects is left out and counted. */
  readonly metrics: Readonly<Record<string, () => Promise<string>>>;
  /** Envoy's metrics alone, as on Istio's port 15090. */
  envoyMetrics(): Promise<string>;
  /** The agent's own metrics. */
  ownMetrics(): string;
}

/**
 * Serves `GET /healthz/ready` (200 or 503 with the reason), `/app-health` (likewise), `/stats/prometheus`, `/metrics` and `/stats/envoy`.
 * Rejects when the address can't be bound.
 */
export class StatusServer implements Service {
  readonly name = 'agent status server';
  readonly #host: string;
  readonly #port: number;
  readonly #sources: StatusSources;
  readonly #failures = new Map<string, number>();

  constructor(options: { readonly host: string; readonly port: number; readonly sources: StatusSources }) {
    this.#host = options.host;
    this.#port = options.port;
    this.#sources = options.sources;
  }

  async run(signal: AbortSignal): Promise<void> {
    const server = createBoundedHttpServer((request, response) => void this.#answer(request, response));
    await listen(server, this.#host, this.#port);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0];
    try {
      if (path === '/healthz/ready') {
        const { ready, reason } = await this.#sources.readiness();
        send(response, ready ? 200 : 503, `${reason}\n`);
      } else if (path === '/app-health') {
        const health = this.#sources.appHealth();
        send(response, health?.healthy ? 200 : 503, health ? `${health.reason || 'healthy'}\n` : 'not known\n');
      } else if (path === '/stats/prometheus' || path === '/metrics') {
        send(response, 200, await this.#allMetrics(), prometheusText);
      } else if (path === '/stats/envoy') {
        send(response, 200, await this.#sources.envoyMetrics(), prometheusText);
      } else send(response, 404, 'try /healthz/ready, /app-health or /stats/prometheus\n');
    } catch (error) {
      send(response, 500, `${messageOf(error)}\n`);
    }
  }

  async #allMetrics(): Promise<string> {
    const sources = Object.entries(this.#sources.metrics);
    const texts = await Promise.all(sources.map(([name, read]) => read().catch(() => this.#countFailure(name))));
    return mergeMetrics([...texts, this.#sources.ownMetrics(), this.#failureMetrics()]);
  }

  #countFailure(source: string): string {
    this.#failures.set(source, (this.#failures.get(source) ?? 0) + 1);
    return '';
  }

  #failureMetrics(): string {
    const name = 'periplus_agent_scrape_failures_total';
    const counts = Object.keys(this.#sources.metrics).map((source) => [source, this.#failures.get(source) ?? 0]);
    const samples = counts.map(([source, count]) => `${name}{source="${source}"} ${count}`);
    return [`# HELP ${name} Metrics sources that could not be read.`, `# TYPE ${name} counter`, ...samples].join('\n');
  }
}

const prometheusText = 'text/plain; version=0.0.4; charset=utf-8';

function send(response: ServerResponse, status: number, body: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
