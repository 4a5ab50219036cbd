// Waiting for a position to have reached every connected proxy, as server-sent events of progress.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { AdminContext } from './context.ts';
import { proxyName, shortTypeName } from './proxy-status.ts';
import { errorSchema, type WaitProgress } from './schemas.ts';
import { ServerSentEventStream } from './server-sent-events.ts';
import type { StreamProgress } from './stream-progress.ts';

const waitQuery = Type.Object(
  {
    position: Type.Integer({ minimum: 0 }),
    timeoutSeconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600 })),
  },
  { additionalProperties: false },
);

/** How often progress is looked at: well below what people notice, and cheap for hundreds of proxies. */
const pollMs = 20;
/** How often unfinished progress is told. */
const reportMs = 500;
/** A rejection is in the deliveries log a moment after the stream has settled. */
const rejectionGraceMs = 100;
const defaultTimeoutSeconds = 60;
const maxNamedLaggards = 20;

/** Registers /wait. */
export function registerWaitRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Querystring: Static<typeof waitQuery> }>(
    '/wait',
    {
      schema: {
        summary: 'Wait until every connected proxy holds a position',
        description:
          'Server-sent events: progress, then one of done, rejected or timeout. Each has {position, acked, total, laggards, error?}.',
        tags: ['proxies'],
        querystring: waitQuery,
        response: { '4xx': errorSchema },
      },
    },
    async (request, reply) => await wait(context, request.query, reply),
  );
}

async function wait(context: AdminContext, query: Static<typeof waitQuery>, reply: FastifyReply): Promise<void> {
  const head = await context.logs.facts.head();
  if (query.position > head.position) {
    throw new MeshError('not-found', `position ${query.position} does not exist yet: the log ends at ${head.position}`);
  }
  reply.hijack();
  const stream = new ServerSentEventStream(reply.raw, context.signal);
  try {
    await reportUntilDone(context, query, stream);
  } finally {
    stream.end();
  }
}

async function reportUntilDone(
  context: AdminContext,
  query: Static<typeof waitQuery>,
  stream: ServerSentEventStream,
): Promise<void> {
  const { clock } = context;
  const deadlineMs = clock.nowMs() + (query.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
  const send = (event: string, progress: WaitProgress) => stream.send({ event, data: JSON.stringify(progress) });
  let reported = '';
  let reportedMs = 0;
  let settledMs: number | undefined;
  while (!stream.signal.aborted) {
    const nowMs = clock.nowMs();
    const progress = progressAt(context, query.position);
    const error = rejectionOf(context, query.position);
    if (error !== undefined) return await send('rejected', { ...progress, error });
    settledMs = isDone(context, progress) ? (settledMs ?? nowMs) : undefined;
    if (settledMs !== undefined && (nowMs - settledMs >= rejectionGraceMs || progress.total === 0))
      return await send('done', progress);
    if (nowMs >= deadlineMs) return await send('timeout', progress);
    const text = JSON.stringify(progress);
    if (text !== reported && nowMs - reportedMs >= reportMs) {
      await send('progress', progress);
      [reported, reportedMs] = [text, nowMs];
    }
    await clock.sleep(pollMs, stream.signal).catch(() => {});
  }
}

/** Pilot itself must have come so far: before that no stream could have been given anything. */
function isDone(context: AdminContext, progress: WaitProgress): boolean {
  return progress.acked === progress.total && (context.snapshots.value?.position ?? 0) >= progress.position;
}

function progressAt(context: AdminContext, position: number): WaitProgress {
  const streams = context.progress();
  return progressOf(streams, position);
}

/** Counts proxies, not streams; a proxy with several streams is as far as the slowest of them. */
export function progressOf(streams: readonly StreamProgress[], position: number): WaitProgress {
  const proxies = new Map<string, boolean>();
  for (const stream of streams) {
    const done = stream.settled && stream.position >= position;
    proxies.set(stream.proxyId, (proxies.get(stream.proxyId) ?? true) && done);
  }
  const laggards = [...proxies]
    .filter(([, done]) => !done)
    .map(([id]) => proxyName(id))
    .sort();
  return {
    position,
    acked: proxies.size - laggards.length,
    total: proxies.size,
    laggards: laggards.slice(0, maxNamedLaggards),
  };
}

/** What a connected proxy refused of this position or a later one. */
function rejectionOf(context: AdminContext, position: number): string | undefined {
  for (const proxy of context.deliveries.state().proxies.values()) {
    if (proxy.streams.size === 0) continue;
    for (const [typeUrl, { rejected }] of proxy.types) {
      if (rejected !== undefined && rejected.position >= position) {
        return `${proxyName(proxy.proxyId)} ${shortTypeName(typeUrl)}: ${rejected.message}`;
      }
    }
  }
  return undefined;
}
