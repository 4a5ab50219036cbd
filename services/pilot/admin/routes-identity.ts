// Admin routes of identity: how the CA is, the next step of its rotation, join tokens. Only this machine may ask.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MeshError } from '../../../lib/mesh-error.ts';
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
export function registerIdentityRoutes(app: FastifyInstance, context: AdminContext): void {
  const identityFor = (request: FastifyRequest): IdentityAdmin => {
    // A join token is an identity: until the admin API knows who asks, it is for this machine alone.
    if (!isLoopback(request.ip))
      throw new MeshError('forbidden', 'the CA and join tokens are managed on the machine where Citadel runs');
    const { identity } = context;
    if (identity) return identity;
    throw new MeshError('not-found', 'this process has not the role citadel');
  };
  const schema = (summary: string) => ({ summary, tags: ['identity'], response });
  app.get('/ca', { schema: schema('CAs, the trust bundle, and who does not hold it yet') }, async (request) => {
    return await identityFor(request).caStatus();
  });
  app.post<{ Body: { actor?: string } }>(
    '/ca/rotate',
    { schema: { ...schema('The next step of replacing the CA’s key, if it is safe'), body: rotateBody } },
    async (request) => await identityFor(request).rotate(request.body.actor ?? 'user:unknown'),
  );
  app.post<{ Body: { spiffeId: string; lifeSeconds?: number; actor?: string } }>(
    '/join-tokens',
    { schema: { ...schema('A token with which one machine may once get a certificate'), body: joinTokenBody } },
    async (request) => {
      const { actor = 'user:unknown', ...wanted } = request.body;
      return await identityFor(request).createJoinToken(wanted, actor);
    },
  );
  app.post<{ Body: { spiffeId: string; audience: string[]; lifeSeconds?: number; actor?: string } }>(
    '/jwt-svids',
    { schema: { ...schema('A JWT-SVID in the name of a workload'), body: jwtBody } },
    async (request) => {
      const { actor = 'user:unknown', ...wanted } = request.body;
      return await identityFor(request).mintJwtSvid(wanted, actor);
    },
  );
}

/** Whether an address of the network layer is this machine's own. */
function isLoopback(ip: string): boolean {
  return ip === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(ip);
}
