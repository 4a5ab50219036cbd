// What adapters hold though it vanished from their platforms, and its release. Read from and written to the log: adapters may run elsewhere.
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import {
  type AdapterFact,
  type AdapterIdentity,
  type LossHeld,
  releaseSubject,
} from '../../../events/adapter-facts.ts';
import { eventId } from '../../../events/event-id.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { compareStrings } from '../../../mesh/compare.ts';
import { actorOf } from './auth/caller.ts';
import type { AdminContext } from './context.ts';
import { errorSchema } from './schemas.ts';

const lossTypes: readonly AdapterFact['type'][] = [
  'io.periplus.registry.loss-held',
  'io.periplus.registry.loss-released',
];

/** A loss that an adapter holds now. */
export type HeldLoss = LossHeld['data'] & {
  /** When it was last added to, RFC 3339. */
  readonly since: string;
};

/** Answer of GET /losses. */
export interface LossesResponse {
  readonly items: readonly HeldLoss[];
}

/** Answer of POST /losses/release. */
export interface ReleaseResponse {
  readonly position: number;
  /** The losses whose release was asked for. */
  readonly items: readonly HeldLoss[];
}

const releaseBody = Type.Object(
  {
    platform: Type.Optional(Type.String({ description: 'Only adapters of this platform' })),
    instance: Type.Optional(Type.String({ description: 'Only this cluster, datacenter or folder' })),
    actor: Type.Optional(Type.String({ description: 'Who asks, e.g. user:anna', maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** Registers /losses and /losses/release. */
export function registerLossRoutes(app: FastifyInstance, context: AdminContext): void {
  const response = { '4xx': errorSchema, '5xx': errorSchema };
  app.get(
    '/losses',
    {
      schema: { summary: 'What vanished at once from its platform and is kept for now', tags: ['registry'], response },
    },
    async (): Promise<LossesResponse> => ({ items: await heldLosses(context) }),
  );
  app.post<{ Body: Static<typeof releaseBody> }>(
    '/losses/release',
    {
      schema: {
        summary: 'Have what is kept deregistered now, unless its platform shows it again',
        tags: ['registry'],
        body: releaseBody,
        response,
      },
    },
    async (request): Promise<ReleaseResponse> => {
      const { body } = request;
      const all = await heldLosses(context);
      const items = all.filter(
        ({ platform, instance }) =>
          (body.platform ?? platform) === platform && (body.instance ?? instance) === instance,
      );
      if (items.length === 0) {
        const known = all.map(({ platform, instance }) => `${platform}/${instance}`);
        const held = known.length === 0 ? 'no adapter holds anything' : `held are losses of ${known.join(', ')}`;
        throw new MeshError('not-found', `there is nothing to release; ${held}`);
      }
      return { items, position: await requestRelease(context, items, actorOf(request, body.actor)) };
    },
  );
}

/** The losses that are held now, in order of platform and instance. */
async function heldLosses({ logs }: AdminContext): Promise<readonly HeldLoss[]> {
  const held = new Map<string, HeldLoss>();
  for await (const event of logs.facts.read({ subject: 'registry', types: lossTypes })) {
    const fact = event as unknown as AdapterFact;
    const before = held.get(event.subject);
    if (fact.type === 'io.periplus.registry.loss-held') held.set(event.subject, { ...fact.data, since: event.time });
    else if (fact.type === 'io.periplus.registry.loss-released') {
      if (before && fact.data.held > 0) held.set(event.subject, { ...before, held: fact.data.held });
      else held.delete(event.subject);
    }
  }
  return [...held].sort(([a], [b]) => compareStrings(a, b)).map(([, loss]) => loss);
}

async function requestRelease(
  { logs, clock }: AdminContext,
  adapters: readonly AdapterIdentity[],
  actor: string,
): Promise<number> {
  const time = new Date(clock.nowMs()).toISOString();
  const batch = await Promise.all(
    adapters.map(async ({ platform, instance }) => {
      const subject = releaseSubject({ platform, instance });
      const fact = { type: 'io.periplus.registry.loss-release-requested', data: { platform, instance } };
      const revision = await logs.facts.subjectVersion(subject);
      const id = eventId({ source: '/admin', subject, revision, content: fact });
      return { event: { id, source: '/admin', subject, ...fact, time, actor, causes: [] } };
    }),
  );
  const result = await logs.facts.append(batch);
  if (!result.ok) throw new MeshError('conflict', 'somebody else asked for the same at this moment');
  return result.position;
}
