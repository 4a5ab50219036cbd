// Which process writes what each platform shows, and which stand by for it: of all processes that share the log.
import type { FastifyInstance } from 'fastify';
import type { AdapterIdentity, SessionOpened } from '../../../events/adapter-facts.ts';
import { compareStrings } from '../../../mesh/compare.ts';
import type { AdminContext } from './context.ts';
import { errorSchema } from './schemas.ts';

const sessionOpened: SessionOpened['type'] = 'io.periplus.registry.session-opened';

/** The writer of one platform's cluster, datacenter or folder. */
export interface AdapterWriter extends AdapterIdentity {
  /** The process that holds the lease; undefined: none. */
  readonly writer?: string;
  /** Processes that would take over. */
  readonly standby: readonly string[];
  /** Who wrote last, by the log, and since when, RFC 3339. */
  readonly last: { readonly writer: string; readonly since: string };
}

/** Answer of GET /adapters. */
export interface AdaptersResponse {
  /** Empty where one process has the log alone. */
  readonly items: readonly AdapterWriter[];
}

/** Registers /adapters. */
export function registerAdapterRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get(
    '/adapters',
    {
      schema: {
        summary: 'Which process writes what each platform shows, and which stand by',
        tags: ['registry'],
        response: { '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async (): Promise<AdaptersResponse> => ({ items: await adapterWriters(context) }),
  );
}

/** Every platform that ever had a writer, in order of platform and instance. */
async function adapterWriters({ logs }: AdminContext): Promise<readonly AdapterWriter[]> {
  const { facts, leases } = logs;
  if (leases === undefined) return [];
  const held = new Map((await leases.list?.('adapters'))?.map((lease) => [lease.name, lease]));
  const writers = new Map<string, AdapterWriter>();
  for await (const event of facts.read({ subject: 'registry', types: [sessionOpened] })) {
    const { platform, instance, holder } = (event as unknown as SessionOpened).data;
    const lease = leases.list ? held.get(`adapters/${platform}/${instance}`) : { holder, standby: [] };
    writers.set(event.subject, {
      platform,
      instance,
      ...(lease?.holder !== undefined && { writer: processOf(lease.holder) }),
      standby: (lease?.standby ?? []).map(processOf),
      last: { writer: processOf(holder), since: event.time },
    });
  }
  return [...writers].sort(([a], [b]) => compareStrings(a, b)).map(([, writer]) => writer);
}

/** A holder is `PROCESS/TERM`. */
const processOf = (holder: string) => holder.split('/')[0] ?? holder;
