// Admin route of mutual TLS: who still sends plaintext.
import type { FastifyInstance } from 'fastify';
import { type AdminContext, snapshotFor } from './context.ts';
import { type MutualTlsGap, mutualTlsGaps } from './mutual-tls-gaps.ts';
import { errorSchema, type ListResponse, listSchema } from './schemas.ts';

/** Registers /mutual-tls. */
export function registerMutualTlsRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get(
    '/mutual-tls',
    {
      schema: {
        summary: 'Proxies that send plaintext for want of an SVID, and endpoints whose callers send it',
        tags: ['identity'],
        response: { 200: listSchema, '4xx': errorSchema },
      },
    },
    async (): Promise<ListResponse<MutualTlsGap>> => {
      const snapshot = await snapshotFor(context, undefined);
      return { position: snapshot.position, items: mutualTlsGaps(snapshot, context.deliveries.state()) };
    },
  );
}
