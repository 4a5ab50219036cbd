// The admin API as one Fastify application: bounds, errors, OpenAPI, and the routes by topic.
import type { ServerOptions } from 'node:https';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { createBoundedHttpServer } from '../../../lib/bounded-http-server.ts';
import { registerGuard } from './auth/guard.ts';
import type { AdminContext } from './context.ts';
import { registerFailures } from './failures.ts';
import { registerAdapterRoutes } from './routes-adapters.ts';
import { registerBanRoutes } from './routes-bans.ts';
import { registerConfigRoutes } from './routes-config.ts';
import { registerDescribeRoutes } from './routes-describe.ts';
import { registerEventRoutes } from './routes-events.ts';
import { registerCheckRoutes, registerHealthRoutes } from './routes-health.ts';
import { registerIdentityRoutes } from './routes-identity.ts';
import { registerLossRoutes } from './routes-losses.ts';
import { registerMutualTlsRoutes } from './routes-mutual-tls.ts';
import { registerPolicyRoutes } from './routes-policy.ts';
import { registerProxyRoutes } from './routes-proxies.ts';
import { registerRegistryRoutes } from './routes-registry.ts';
import { registerReplayRoutes } from './routes-replay.ts';
import { registerSummaryRoutes } from './routes-summary.ts';
import { registerTokenRoutes } from './routes-tokens.ts';
import { registerWaitRoutes } from './routes-wait.ts';
import { registerWhyDeniedRoutes } from './routes-why-denied.ts';

/** Bounds of the admin API's own; those of its port are `httpLimits`. */
export const adminLimits = {
  /** The largest set of resources that people apply at once is a few MiB; istiod's webhooks stop at 3. */
  bodyBytes: 20 * 1024 * 1024,
} as const;

/**
 * Builds the API without listening; over TLS with `tls`. Users of this machine need no credentials, others need what `context.access` says.
 */
export async function createAdminApp(
  context: AdminContext,
  options: { readonly tls?: ServerOptions } = {},
): Promise<FastifyInstance> {
  const app = createServer(options.tls);
  registerFailures(app, context.logger);
  registerGuard(app, context);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Periplus admin API',
        version: context.version,
        description:
          'Configuration, registry, log and proxies of a mesh. WHEN parameters take a position, an RFC 3339 time or -15m.',
      },
    },
  });
  await app.register(async (scope) => {
    registerHealthRoutes(scope, context);
    scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  });
  await app.register(
    async (scope) => {
      registerCheckRoutes(scope, context);
      registerConfigRoutes(scope, context);
      registerRegistryRoutes(scope, context);
      registerAdapterRoutes(scope, context);
      registerLossRoutes(scope, context);
      registerDescribeRoutes(scope, context);
      registerEventRoutes(scope, context);
      registerBanRoutes(scope, context);
      registerIdentityRoutes(scope, context);
      registerMutualTlsRoutes(scope, context);
      registerProxyRoutes(scope, context);
      registerReplayRoutes(scope, context);
      registerSummaryRoutes(scope, context);
      registerTokenRoutes(scope, context);
      registerWaitRoutes(scope, context);
      registerWhyDeniedRoutes(scope, context);
      registerPolicyRoutes(scope, context);
    },
    { prefix: '/api/v1' },
  );
  return app;
}

/** Health, readiness and metrics alone, for the port that monitoring may reach (15014). */
export function createMonitoringApp(context: AdminContext): FastifyInstance {
  const app = createServer();
  registerFailures(app, context.logger);
  registerHealthRoutes(app, context);
  return app;
}

function createServer(tls?: ServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: adminLimits.bodyBytes,
    serverFactory: (handler) => createBoundedHttpServer(handler, tls && { tls }),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
  });
  // Answers are written as they are: a schema documents them but must never drop a field.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  return app;
}
