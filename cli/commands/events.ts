// `periplus events`: the log, as a list or as it grows.
import type { Command } from 'commander';
import type { RecordedEvent } from '../../events/envelope.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import type { AdminClient, Query } from '../client.ts';
import {
  atOf,
  type CliContext,
  checkWhen,
  clientOf,
  count,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { eventLine, eventsTable } from '../events-table.ts';
import { json } from '../output.ts';

interface EventsOptions extends SharedOptions {
  readonly follow?: boolean;
  readonly subject?: string;
  readonly type?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly deliveries?: boolean;
}

/** A screenful or two. */
const defaultLimit = 50;

/** The command. Without `--from` it shows the newest events, oldest of them first. */
export function eventsCommand(context: CliContext): Command {
  const command = newCommand('events')
    .description('what happened: the newest events of the log, or the stream of new ones')
    .option('-f, --follow', 'print new events as they come, until Ctrl-C')
    .option('--subject <subject>', 'only this subject, or those below it: config/VirtualService, registry/files, …')
    .option('--type <types>', 'only these types, separated by commas: config.applied, registry.service-registered, …')
    .option('--from <when>', 'from this moment on', checkWhen)
    .option('--to <when>', 'up to this moment', checkWhen)
    .option('--limit <count>', `at most so many (default: ${defaultLimit}, with --from 1000)`, count)
    .option('--deliveries', 'the deliveries log (pushes, ACKs, NACKs, proxies) instead of the facts')
    .action((options: EventsOptions) => (options.follow ? follow(context, options) : list(context, options)));
  return withExamples(withOutput(withServer(command)), [
    ['periplus events', 'the newest 50'],
    ['periplus events --follow --subject config', 'every configuration change, live'],
    ['periplus events --deliveries --type delivery.rejected --from -1h', 'NACKs of the last hour'],
    ['periplus events --type config.applied -o json', ''],
  ]);
}

function queryOf(context: CliContext, options: EventsOptions): Query {
  return {
    log: options.deliveries ? 'deliveries' : 'facts',
    subject: options.subject,
    type: options.type,
    from: options.from,
    to: options.to ?? atOf(context, options),
  };
}

async function list(context: CliContext, options: EventsOptions): Promise<void> {
  const newestFirst = options.from === undefined;
  const limit = options.limit ?? (newestFirst ? defaultLimit : 1000);
  const query = { ...queryOf(context, options), limit, reverse: newestFirst };
  const answer = await clientOf(context, options).get<ListResponse<RecordedEvent>>('/api/v1/events', query);
  const events = newestFirst ? answer.items.toReversed() : answer.items;
  if (options.output === 'json') context.io.out(json(events));
  else if (events.length === 0) context.io.err('no events match\n');
  else context.io.out(eventsTable(events, context.style));
}

async function follow(context: CliContext, options: EventsOptions): Promise<void> {
  if (context.at !== undefined || options.to !== undefined)
    throw new MeshError('usage', 'new events can only be followed from now on: leave out "at" and --to');
  const client = clientOf(context, options);
  for await (const event of followEvents(client, queryOf(context, options), context)) {
    context.io.out(options.output === 'json' ? `${JSON.stringify(event)}\n` : eventLine(event));
  }
}

/** Events as they come; when the connection breaks it is made again behind the last event seen. */
async function* followEvents(client: AdminClient, query: Query, context: CliContext): AsyncGenerator<RecordedEvent> {
  const { signal, clock } = context.io;
  let after: string | undefined;
  let retryMs = 500;
  while (!signal.aborted) {
    try {
      for await (const message of client.stream(
        '/api/v1/events',
        { ...query, follow: true },
        after === undefined ? {} : { after },
      )) {
        after = message.id ?? after;
        retryMs = 500;
        if (message.event === 'event') yield JSON.parse(message.data) as RecordedEvent;
      }
    } catch (error) {
      // Never connected: that is the user's to mend. Lost: it may come back.
      if (signal.aborted) return;
      if (after === undefined || !(error instanceof MeshError) || error.code !== 'unavailable') throw error;
    }
    if (signal.aborted) return;
    context.io.err(`connection lost; trying again behind position ${after ?? 0}\n`);
    await clock.sleep(retryMs, signal).catch(() => {});
    retryMs = Math.min(retryMs * 2, 10_000);
  }
}
