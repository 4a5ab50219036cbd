// The log over HTTP: events by filter, an aggregate's history, the place of a moment, and a stream that resumes by Last-Event-ID.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RecordedEvent } from '../../../events/envelope.ts';
import type { EventLog, ReadOptions } from '../../../events/event-log.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { type AdminContext, momentOf, whenOf } from './context.ts';
import { atQuery, type EventsQuery, errorSchema, eventsQuery, listSchema } from './schemas.ts';
import { ServerSentEventStream } from './server-sent-events.ts';
import { resolveWhen } from './when.ts';

/** Enough for a screenful of reading, small enough to be safe to ask for by accident. */
const defaultLimit = 1000;

/** Registers /events, /history and /position. */
export function registerEventRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Querystring: EventsQuery }>(
    '/events',
    {
      schema: {
        summary: 'Events of a log, as a list or as a stream of server-sent events',
        tags: ['events'],
        querystring: eventsQuery,
        response: { 200: listSchema, '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async (request, reply) => {
      if (request.query.follow) return await follow(context, request, reply);
      const log = logOf(context, request.query);
      const events = await collect(log.read(await readOptions(context, request.query)));
      return { position: (await log.head()).position, items: events };
    },
  );

  app.get<{ Querystring: { subject: string; at?: string } }>(
    '/history',
    {
      schema: {
        summary: 'Every event of one subject, oldest first',
        tags: ['events'],
        querystring: {
          type: 'object',
          properties: { subject: { type: 'string', minLength: 1 }, at: { type: 'string' } },
          required: ['subject'],
          additionalProperties: false,
        },
        response: { 200: listSchema, '4xx': errorSchema },
      },
    },
    async (request) => {
      const { position } = await momentOf(context, request.query.at);
      const { subject } = request.query;
      const events = await collect(context.logs.facts.read({ subject, to: position }));
      return { position, items: events.filter((event) => event.subject === subject) };
    },
  );

  app.get<{ Querystring: { at?: string } }>(
    '/position',
    {
      schema: {
        summary: 'The position of the facts log that a moment means',
        tags: ['events'],
        querystring: atQuery,
        response: {
          200: { type: 'object', properties: { position: { type: 'integer' }, time: { type: 'string' } } },
          '4xx': errorSchema,
        },
      },
    },
    async (request) => {
      const { position } = await momentOf(context, request.query.at);
      const [event] = position === 0 ? [] : await collect(context.logs.facts.read({ from: position, to: position }));
      return { position, ...(event === undefined ? {} : { time: event.time }) };
    },
  );
}

function logOf(context: AdminContext, query: EventsQuery): EventLog {
  return query.log === 'deliveries' ? context.logs.deliveries : context.logs.facts;
}

async function readOptions(context: AdminContext, query: EventsQuery): Promise<ReadOptions> {
  const log = logOf(context, query);
  const [from, to] = [query.from, query.to].map((at) => (at === undefined ? undefined : whenOf(at)));
  const types = typesOf(query.type);
  const fromMoment = from === undefined ? undefined : await resolveWhen(from, log, context.clock);
  // A time names the state after the last event not later than it, so the first event wanted is the one behind that.
  const first =
    fromMoment === undefined
      ? undefined
      : fromMoment.time === undefined
        ? fromMoment.position
        : fromMoment.position + 1;
  const last = to === undefined ? undefined : (await resolveWhen(to, log, context.clock)).position;
  return {
    ...(first === undefined ? {} : { from: Math.max(1, first) }),
    ...(last === undefined ? {} : { to: last }),
    ...(query.subject === undefined ? {} : { subject: query.subject }),
    ...(types === undefined ? {} : { types }),
    ...(query.reverse === undefined ? {} : { reverse: query.reverse }),
    limit: query.limit ?? defaultLimit,
  };
}

/** Full event type names of a comma-separated list. */
export function typesOf(list: string | undefined): readonly string[] | undefined {
  if (list === undefined || list === '') return undefined;
  return list.split(',').map((type) => (type.startsWith('io.periplus.') ? type : `io.periplus.${type}`));
}

async function collect(events: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** Where a stream starts: behind the event that the client saw last, at `from`, or at the head. */
async function startOf(context: AdminContext, request: FastifyRequest<{ Querystring: EventsQuery }>): Promise<number> {
  const seen = request.headers['last-event-id'];
  const head = (await logOf(context, request.query).head()).position;
  if (typeof seen === 'string' && seen !== '') {
    if (!/^\d{1,15}$/.test(seen)) throw new MeshError('invalid', `Last-Event-ID "${seen}" is not a position`);
    if (Number(seen) > head)
      throw new MeshError('not-found', `Last-Event-ID ${seen} is beyond the end of the log, ${head}`);
    return Number(seen);
  }
  const { from } = await readOptions(context, request.query);
  return from === undefined ? head : from - 1;
}

async function follow(
  context: AdminContext,
  request: FastifyRequest<{ Querystring: EventsQuery }>,
  reply: FastifyReply,
): Promise<void> {
  const after = await startOf(context, request);
  const types = typesOf(request.query.type);
  reply.hijack();
  const stream = new ServerSentEventStream(reply.raw, context.signal);
  try {
    const subscription = logOf(context, request.query).subscribe({
      after,
      signal: stream.signal,
      ...(request.query.subject === undefined ? {} : { subject: request.query.subject }),
      ...(types === undefined ? {} : { types }),
    });
    for await (const batch of subscription) {
      for (const event of batch.events) {
        await stream.send({ id: String(event.position), event: 'event', data: JSON.stringify(event) });
      }
      // A bookmark lets a filtered stream resume where it is, not at its last match.
      await stream.send({
        id: String(batch.bookmark),
        event: 'bookmark',
        data: JSON.stringify({ position: batch.bookmark, live: batch.live }),
      });
    }
  } catch (error) {
    if (!stream.signal.aborted) context.logger.warn({ error: String(error) }, 'an event stream broke');
  } finally {
    stream.end();
  }
}
