// Tokens of the admin API over HTTP: make one, list them, revoke one.
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { MeshError } from '../../../lib/mesh-error.ts';
import { actorOf } from './auth/caller.ts';
import type { TokenRecord, TokenStore } from './auth/token-store.ts';
import type { AdminContext } from './context.ts';
import { errorSchema } from './schemas.ts';

const tokenBody = Type.Object(
  {
    name: Type.String({ maxLength: 63, description: 'Its owner in events: token:NAME' }),
    role: Type.Union([Type.Literal('read'), Type.Literal('write')]),
    lifeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 * 365 * 86_400 })),
    actor: Type.Optional(Type.String({ description: 'Who asks, e.g. user:anna', maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** Answer of POST /tokens. */
export interface NewTokenAnswer {
  /** Shown this once. */
  readonly token: string;
  readonly record: TokenRecord;
}

/** Registers GET and POST /tokens and DELETE /tokens/NAME. Each line in the log of the process names who did it, never a token. */
export function registerTokenRoutes(app: FastifyInstance, context: AdminContext): void {
  const response = { '4xx': errorSchema, '5xx': errorSchema };
  const schema = (summary: string) => ({ summary, tags: ['access'], response });
  const storeOf = (): TokenStore => {
    if (context.access) return context.access.tokens;
    throw new MeshError('not-found', 'this process takes no tokens');
  };
  app.get('/tokens', { schema: schema('Tokens of this admin API: names and roles') }, async () => ({
    items: await storeOf().list(),
  }));
  app.post<{ Body: Static<typeof tokenBody> }>(
    '/tokens',
    { schema: { ...schema('A new token, shown this once'), body: tokenBody } },
    async (request): Promise<NewTokenAnswer> => {
      const { actor, ...wanted } = request.body;
      const createdBy = actorOf(request, actor);
      const made = await storeOf().create({ ...wanted, createdBy });
      context.logger.info({ token: wanted.name, role: wanted.role, actor: createdBy }, 'made a token of the admin API');
      return made;
    },
  );
  app.delete<{ Params: { name: string } }>(
    '/tokens/:name',
    { schema: schema('Make a token useless from now on') },
    async (request) => {
      const { name } = request.params;
      await storeOf().revoke(name);
      context.logger.info({ token: name, actor: actorOf(request, undefined) }, 'revoked a token of the admin API');
      return { name };
    },
  );
}
