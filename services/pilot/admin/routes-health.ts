// Health, readiness and metrics of this process.
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../../../lib/mesh-error.ts';
import { formatMetrics, type Metric } from '../../../lib/prometheus-text.ts';
import type { AdminContext, ReadinessCheck } from './context.ts';

/** Registers /healthz (the process answers), /readyz (it can serve) and /metrics. */
export function registerHealthRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get('/healthz', { schema: { summary: 'Whether the process answers', tags: ['health'] } }, async () => ({
    status: 'ok',
    version: context.version,
  }));
  app.get(
    '/readyz',
    { schema: { summary: 'Whether the control plane can serve, and what is missing', tags: ['health'] } },
    async (_, reply) => {
      const checks = await readinessOf(context);
      const ready = checks.every((check) => check.ready);
      return await reply.code(ready ? 200 : 503).send({ ready, checks });
    },
  );
  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in Prometheus text format', tags: ['health'] } },
    async (_, reply) => {
      const body = formatMetrics(await metricsOf(context)) + context.moreMetrics();
      return await reply.type('text/plain; version=0.0.4; charset=utf-8').send(body);
    },
  );
}

/** Registers /checks: what /readyz looks at, always with status 200. */
export function registerCheckRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get('/checks', { schema: { summary: 'What readiness consists of', tags: ['health'] } }, async () => ({
    checks: await readinessOf(context),
  }));
}

/** Everything that has to be well: the logs answer, Pilot has read them, and what the other parts say. */
async function readinessOf(context: AdminContext): Promise<readonly ReadinessCheck[]> {
  const snapshot = context.snapshots.value;
  const pilot: ReadinessCheck = {
    name: 'pilot',
    ready: snapshot !== undefined,
    detail: snapshot === undefined ? 'reading the log' : `at position ${snapshot.position}`,
  };
  return [await logCheck(context), pilot, ...context.readiness()];
}

async function logCheck(context: AdminContext): Promise<ReadinessCheck> {
  try {
    const { position } = await context.logs.facts.head();
    return { name: 'log', ready: true, detail: `head at position ${position}` };
  } catch (error) {
    return { name: 'log', ready: false, detail: messageOf(error) };
  }
}

async function metricsOf(context: AdminContext): Promise<readonly Metric[]> {
  const [facts, deliveries] = await Promise.all([context.logs.facts.head(), context.logs.deliveries.head()]);
  const gauge = (name: string, help: string, value: number): Metric => ({
    name,
    help,
    type: 'gauge',
    samples: [{ value }],
  });
  const counter = (name: string, help: string, value: number): Metric => ({
    name,
    help,
    type: 'counter',
    samples: [{ value }],
  });
  const { rss, heapUsed } = process.memoryUsage();
  const cpu = process.cpuUsage();
  return [
    {
      name: 'periplus_log_head_position',
      help: 'Position of the last event of a log',
      type: 'gauge',
      samples: [
        { labels: { log: 'facts' }, value: facts.position },
        { labels: { log: 'deliveries' }, value: deliveries.position },
      ],
    },
    gauge(
      'periplus_snapshot_position',
      'Facts position of the newest snapshot',
      context.snapshots.value?.position ?? 0,
    ),
    gauge('periplus_connected_proxies', 'Proxies with an open ADS stream', context.deliveries.connectedCount()),
    counter('process_cpu_seconds_total', 'CPU time of the process, user and system', (cpu.user + cpu.system) / 1e6),
    gauge('process_resident_memory_bytes', 'Resident memory of the process', rss),
    gauge('nodejs_heap_size_used_bytes', 'Used JavaScript heap', heapUsed),
  ];
}
