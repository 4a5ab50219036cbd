// Health, readiness and metrics of a process that has not the role pilot, and so no admin API but that of its own parts.
import type { RequestListener, Server } from 'node:http';
import type { MeshLogs } from '../events/event-log.ts';
import { createBoundedHttpServer } from '../lib/bounded-http-server.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { formatMetrics } from '../lib/prometheus-text.ts';
import type { Service } from '../lib/service.ts';
import type { ReadinessCheck } from '../services/pilot/admin/context.ts';

/** What is served where. */
export interface HealthServerOptions {
  readonly logs: MeshLogs;
  readonly readiness: () => readonly ReadinessCheck[];
  readonly host: string;
  /** The same is served on each; 0 takes any free one. */
  readonly ports: readonly number[];
  readonly version: string;
  /** Metrics of other parts, in Prometheus's text form. */
  readonly moreMetrics?: () => string;
  /** What answers below `/api/` on the first of the ports; absent: nothing. */
  readonly api?: () => Promise<RequestListener>;
  /** Told the first port each time the server listens. */
  readonly onListening?: (port: number) => void;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Serves /healthz, /readyz and /metrics as the admin API does. Fails with MeshError `unavailable` when a port is taken. */
export function createHealthServer(options: HealthServerOptions): Service {
  return {
    name: 'health',
    run: async (signal) => {
      const api = await options.api?.();
      const servers = options.ports.map((_, i) => serverOf(options, i === 0 ? api : undefined));
      try {
        for (const [i, server] of servers.entries()) await listen(server, options.host, options.ports[i] ?? 0);
        const address = servers[0]?.address();
        options.onListening?.(typeof address === 'object' && address ? address.port : 0);
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } finally {
        for (const server of servers) {
          server.close();
          server.closeAllConnections();
        }
      }
    },
  };
}

function serverOf(options: HealthServerOptions, api: RequestListener | undefined): Server {
  return createBoundedHttpServer((request, response) => {
    if (api && request.url?.startsWith('/api/')) return api(request, response);
    // Not parsed as a URL: what a client sends need not be one.
    void answerTo((request.url ?? '/').split('?')[0] ?? '/', options)
      .catch((error): Answer => json(503, { error: messageOf(error) }))
      .then(({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body));
  });
}

async function answerTo(path: string, options: HealthServerOptions): Promise<Answer> {
  if (path === '/healthz') return json(200, { status: 'ok', version: options.version });
  if (path === '/readyz') {
    const checks = [await logCheck(options.logs), ...options.readiness()];
    const ready = checks.every((check) => check.ready);
    return json(ready ? 200 : 503, { ready, checks });
  }
  if (path === '/metrics') return await metricsAnswer(options);
  return json(404, {
    error: 'there is /healthz, /readyz and /metrics; the admin API is in the processes with the role pilot',
  });
}

async function logCheck({ facts }: MeshLogs): Promise<ReadinessCheck> {
  try {
    return { name: 'log', ready: true, detail: `head at position ${(await facts.head()).position}` };
  } catch (error) {
    return { name: 'log', ready: false, detail: messageOf(error) };
  }
}

async function metricsAnswer({ logs, readiness, moreMetrics }: HealthServerOptions): Promise<Answer> {
  const { position } = await logs.facts.head();
  const cpu = process.cpuUsage();
  const ready = readiness().map(({ name, ready }) => ({ labels: { part: name }, value: ready ? 1 : 0 }));
  const body = formatMetrics([
    {
      name: 'periplus_log_head_position',
      help: 'Position of the last event of a log',
      type: 'gauge',
      samples: [{ labels: { log: 'facts' }, value: position }],
    },
    { name: 'periplus_part_ready', help: 'Whether a part of the process is ready', type: 'gauge', samples: ready },
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process, user and system',
      type: 'counter',
      samples: [{ value: (cpu.user + cpu.system) / 1e6 }],
    },
    {
      name: 'process_resident_memory_bytes',
      help: 'Resident memory of the process',
      type: 'gauge',
      samples: [{ value: process.memoryUsage.rss() }],
    },
  ]);
  const all = body + (moreMetrics?.() ?? '');
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: all };
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new MeshError('unavailable', `health can't listen on ${host}:${port}: ${messageOf(error)}`, { cause: error }),
      ),
    );
    server.listen(port, host, resolve);
  });
}
