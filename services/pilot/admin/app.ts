// The admin API as one Fastify application: bounds, errors, OpenAPI, and the routes by topic.
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { AdminContext } from './context.ts';
import { registerFailures } from './failures.ts';
import { registerConfigRoutes } from './routes-config.ts';
import { registerDescribeRoutes } from './routes-describe.ts';
import { registerEventRoutes } from './routes-events.ts';
import { registerCheckRoutes, registerHealthRoutes } from './routes-health.ts';
import { registerIdentityRoutes } from './routes-identity.ts';
import { registerLossRoutes } from './routes-losses.ts';
import { registerProxyRoutes } from './routes-proxies.ts';
import { registerRegistryRoutes } from './routes-registry.ts';
import { registerReplayRoutes } from './routes-replay.ts';
import { registerSummaryRoutes } from './routes-summary.ts';
import { registerWaitRoutes } from './routes-wait.ts';
import { registerWhyDeniedRoutes } from './routes-why-denied.ts';

/** Bounds of the HTTP server. */
export const adminLimits = {
  /** The largest set of resources that people apply at once is a few MiB; istiod's webhooks stop at 3. */
  bodyBytes: 20 * 1024 * 1024,
  /** A client must have sent its whole request by then: a slow one can't hold a socket for ever. */
  requestTimeoutMs: 60_000,
  /** Idle sockets; longer than the CLI's and browsers' own keep-alive. */
  keepAliveTimeoutMs: 75_000,
  headerBytes: 16 * 1024,
} as const;

/**
 * Builds the API without listening. With `loopbackOnly`, requests whose Host is not a loopback name are refused: a web page that
 * points its own DNS name at 127.0.0.1 must not read or change the mesh.
 */
export async function createAdminApp(
  context: AdminContext,
  options: { readonly loopbackOnly: boolean },
): Promise<FastifyInstance> {
  const app = createServer(options);
  registerFailures(app, context.logger);
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
      registerLossRoutes(scope, context);
      registerDescribeRoutes(scope, context);
      registerEventRoutes(scope, context);
      registerIdentityRoutes(scope, context);
      registerProxyRoutes(scope, context);
      registerReplayRoutes(scope, context);
      registerSummaryRoutes(scope, context);
      registerWaitRoutes(scope, context);
      registerWhyDeniedRoutes(scope, context);
    },
    { prefix: '/api/v1' },
  );
  return app;
}

/** Health, readiness and metrics alone, for the port that monitoring may reach (15014). */
export function createMonitoringApp(context: AdminContext): FastifyInstance {
  const app = createServer({ loopbackOnly: false });
  registerFailures(app, context.logger);
  registerHealthRoutes(app, context);
  return app;
}

function createServer(options: { readonly loopbackOnly: boolean }): FastifyInstance {
  const app = fastify({
    bodyLimit: adminLimits.bodyBytes,
    requestTimeout: adminLimits.requestTimeoutMs,
    keepAliveTimeout: adminLimits.keepAliveTimeoutMs,
    forceCloseConnections: true,
    http: { maxHeaderSize: adminLimits.headerBytes },
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
  });
  // Answers are written as they are: a schema documents them but must never drop a field.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  if (options.loopbackOnly) {
    app.addHook('onRequest', async (request) => {
      if (!isLoopbackHost(request.headers.host)) {
        throw new MeshError(
          'forbidden',
          'this admin API listens on loopback only; use http://127.0.0.1 or http://localhost',
        );
      }
    });
  }
  return app;
}

/** Whether a Host header names this machine. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
