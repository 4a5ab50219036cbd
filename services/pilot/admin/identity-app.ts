// The identity routes alone, for a process that is Citadel and no Pilot: how its CA is, its rotation, join tokens. For this machine's users only.
import type { RequestListener } from 'node:http';
import fastify from 'fastify';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { registerGuard } from './auth/guard.ts';
import { registerFailures } from './failures.ts';
import { type IdentityAdmin, registerIdentityRoutes } from './routes-identity.ts';

/** Of a request: a SPIFFE ID and a few audiences. */
const bodyBytes = 64 * 1024;

/**
 * Answers requests below `/api/v1` of a server that somebody else bounds. There are no tokens here: whoever is not on Citadel's own machine
 * is refused, so nothing of the CA depends on a port that others reach.
 */
export async function createIdentityApp(context: {
  readonly identity: IdentityAdmin;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<RequestListener> {
  const app = fastify({ bodyLimit: bodyBytes, ajv: { customOptions: { removeAdditional: false } } });
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  registerFailures(app, context.logger);
  registerGuard(app, { clock: context.clock });
  await app.register(async (scope) => registerIdentityRoutes(scope, context), { prefix: '/api/v1' });
  await app.ready();
  return (request, response) => app.routing(request, response);
}
