// Admin routes of bans: who is refused everywhere, and changing that. Any Pilot can: it takes no CA, only the log.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { eventId } from '../../../events/event-id.ts';
import { identitySubject } from '../../../events/identity-facts.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { Ban } from '../../../mesh/bans.ts';
import { decideBan } from '../../../mesh/decide-ban.ts';
import { actorOf } from './auth/caller.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { errorSchema } from './schemas.ts';

/** Answer of GET /bans. */
export interface BansResponse {
  readonly items: readonly Ban[];
}

/** Answer of POST /bans and /bans/lift. */
export interface BanResponse {
  /** Of the log, with the change in it. */
  readonly position: number;
  /** False: it was so already. */
  readonly changed: boolean;
}

const body = Type.Object(
  {
    spiffeId: Type.String({ description: 'spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT', maxLength: 2048 }),
    reason: Type.Optional(Type.String({ description: 'Why, for the log', maxLength: 500 })),
    actor: Type.Optional(Type.String({ description: 'Who asks, e.g. user:anna', maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** Registers /bans and /bans/lift. */
export function registerBanRoutes(app: FastifyInstance, context: AdminContext): void {
  const response = { '4xx': errorSchema, '5xx': errorSchema };
  const tags = ['identity'];
  app.get(
    '/bans',
    { schema: { summary: 'Identities that are refused everywhere', tags, response } },
    async (): Promise<BansResponse> => ({ items: [...(await snapshotFor(context, undefined)).bans.values()] }),
  );
  app.post<{ Body: Static<typeof body> }>(
    '/bans',
    { schema: { summary: 'Refuse an identity everywhere', tags, body, response } },
    async (request) => await change(context, { request, banned: true }),
  );
  app.post<{ Body: Static<typeof body> }>(
    '/bans/lift',
    { schema: { summary: 'Lift the ban of an identity', tags, body, response } },
    async (request) => await change(context, { request, banned: false }),
  );
}

async function change(
  context: AdminContext,
  { request, banned }: { readonly request: FastifyRequest<{ Body: Static<typeof body> }>; readonly banned: boolean },
): Promise<BanResponse> {
  const { spiffeId, reason = '', actor: claimed } = request.body;
  const actor = actorOf(request, claimed);
  const { logs, clock } = context;
  const { bans, position } = await snapshotFor(context, undefined);
  const decision = decideBan(bans, { spiffeId, banned, reason });
  if (decision.kind === 'refused') throw new MeshError('invalid', decision.reason);
  if (decision.kind === 'unchanged') return { position, changed: false };
  const [source, subject] = ['/admin', identitySubject(spiffeId)];
  const id = eventId({ source, subject, revision: randomUUID(), content: decision.fact });
  const time = new Date(clock.nowMs()).toISOString();
  const event = { id, source, subject, time, actor, causes: [], ...decision.fact };
  const result = await logs.facts.append([{ event }]);
  if (!result.ok) throw new MeshError('conflict', 'somebody else changed this identity at the same time; try again');
  return { position: result.position, changed: true };
}
