// One moment of the mesh in numbers, for `periplus at WHEN` and the console.
import type { FastifyInstance } from 'fastify';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { configKinds } from './config-kinds.ts';
import { type AdminContext, momentOf, snapshotFor } from './context.ts';
import { atQuery, errorSchema } from './schemas.ts';

/** See the file's first line. */
export interface MomentSummary {
  readonly position: number;
  /** Time of the event at `position`; '' for an empty log. */
  readonly time: string;
  /** The event at `position`. */
  readonly event?: { readonly type: string; readonly subject: string; readonly actor: string };
  readonly registry: {
    readonly services: number;
    readonly endpoints: number;
    readonly healthyEndpoints: number;
    readonly workloads: number;
  };
  /** Number of resources by kind, in kind order. */
  readonly config: Readonly<Record<string, number>>;
  readonly proxies: { readonly connected: number; readonly rejecting: number };
}

/** Registers /summary. */
export function registerSummaryRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Querystring: { at?: string } }>(
    '/summary',
    {
      schema: {
        summary: 'A moment of the mesh in numbers',
        tags: ['events'],
        querystring: atQuery,
        response: { '4xx': errorSchema },
      },
    },
    async ({ query }): Promise<MomentSummary> => {
      const snapshot = await snapshotFor(context, query.at);
      const moment = query.at === undefined ? undefined : await momentOf(context, query.at);
      const proxies = await context.deliveries.proxiesAt(
        moment === undefined ? undefined : (moment.time ?? snapshot.time),
      );
      const event = await eventAt(context, snapshot.position);
      return {
        position: snapshot.position,
        time: snapshot.time,
        ...(event === undefined ? {} : { event }),
        registry: registryCounts(snapshot),
        config: configCounts(snapshot),
        proxies: {
          connected: proxies.filter((proxy) => proxy.connected).length,
          rejecting: proxies.filter((proxy) => proxy.connected && proxy.types.some((type) => type.state === 'ERROR'))
            .length,
        },
      };
    },
  );
}

async function eventAt(context: AdminContext, position: number): Promise<MomentSummary['event']> {
  if (position === 0) return undefined;
  for await (const { type, subject, actor } of context.logs.facts.read({ from: position, to: position }))
    return { type, subject, actor };
  return undefined;
}

function registryCounts({ registry }: Snapshot): MomentSummary['registry'] {
  const endpoints = [...registry.services.keys()].flatMap((key) => registry.endpoints(key));
  return {
    services: registry.services.size,
    endpoints: endpoints.length,
    healthyEndpoints: endpoints.filter((endpoint) => endpoint.health === 'healthy').length,
    workloads: registry.workloads.size,
  };
}

function configCounts({ config }: Snapshot): Readonly<Record<string, number>> {
  const counts = configKinds.map((kind): [string, number] => [kind, config.list(kind).length]);
  return Object.fromEntries(counts.filter(([, total]) => total > 0));
}
