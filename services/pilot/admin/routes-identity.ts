// Admin routes of identity: how the CA is, the next step of its rotation, join tokens.
import type { FastifyInstance } from 'fastify';
import { MeshError } from '../../../lib/mesh-error.ts';
import { actorOf } from './auth/caller.ts';
import type { AdminContext } from './context.ts';
import { errorSchema } from './schemas.ts';

/** What the routes need of a Citadel in this process; Pilot knows no more of it. */
export interface IdentityAdmin {
  caStatus(): Promise<object>;
  rotate(actor: string): Promise<object>;
  createJoinToken(
    request: { readonly spiffeId: string; readonly lifeSeconds?: number },
    actor: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string }>;
  mintJwtSvid(
    request: { readonly spiffeId: string; readonly audience: readonly string[]; readonly lifeSeconds?: number },
    actor: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string }>;
}

const response = { '4xx': errorSchema, '5xx': errorSchema };
const joinTokenBody = {
  type: 'object',
  additionalProperties: false,
  required: ['spiffeId'],
  properties: {
    spiffeId: { type: 'string', maxLength: 2048 },
    lifeSeconds: { type: 'integer', minimum: 1 },
    actor: { type: 'string', maxLength: 200 },
  },
} as const;
const jwtBody = {
  ...joinTokenBody,
  required: ['spiffeId', 'audience'],
  properties: {
    ...joinTokenBody.properties,
    audience: { type: 'array', maxItems: 20, items: { type: 'string', maxLength: 255 } },
  },
} as const;
const rotateBody = {
  type: 'object',
  additionalProperties: false,
  properties: { actor: { type: 'string', maxLength: 200 } },
} as const;

/** Registers /ca, /ca/rotate, /join-tokens and /jwt-svids; without a Citadel in this process they answer 404 and say so. */
export function registerIdentityRoutes(app: FastifyInstance, context: Pick<AdminContext, 'identity'>): void {
  const identityHere = (): IdentityAdmin => {
    const { identity } = context;
    if (identity) return identity;
    throw new MeshError(
      'not-found',
      'this process has not the role citadel: ask the one that has, on its own machine or in its container, --server http://127.0.0.1:15015',
    );
  };
  const schema = (summary: string) => ({ summary, tags: ['identity'], response });
  app.get(
    '/ca',
    { schema: schema('CAs, the trust bundle, and who does not hold it yet') },
    async () => await identityHere().caStatus(),
  );
  app.post<{ Body: { actor?: string } }>(
    '/ca/rotate',
    { schema: { ...schema('The next step of replacing the CA’s key, if it is safe'), body: rotateBody } },
    async (request) => await identityHere().rotate(actorOf(request, request.body.actor)),
  );
  app.post<{ Body: { spiffeId: string; lifeSeconds?: number; actor?: string } }>(
    '/join-tokens',
    { schema: { ...schema('A token with which one machine may once get a certificate'), body: joinTokenBody } },
    async (request) => {
      const { actor, ...wanted } = request.body;
      return await identityHere().createJoinToken(wanted, actorOf(request, actor));
    },
  );
  app.post<{ Body: { spiffeId: string; audience: string[]; lifeSeconds?: number; actor?: string } }>(
    '/jwt-svids',
    { schema: { ...schema('A JWT-SVID in the name of a workload'), body: jwtBody } },
    async (request) => {
      const { actor, ...wanted } = request.body;
      return await identityHere().mintJwtSvid(wanted, actorOf(request, actor));
    },
  );
}
