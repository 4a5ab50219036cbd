// Listens for the admin API (15015) and for monitoring (15014) as one long-running part of the process.
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { createAdminApp, createMonitoringApp } from './app.ts';
import { type AdminTlsFiles, keepAdminTlsFresh, readAdminTls } from './auth/admin-tls.ts';
import type { AdminContext } from './context.ts';

/** Where to listen. Port 0 takes any free one; see `onListening`. */
export interface AdminServerOptions {
  /** Everything but `signal`, which `run` supplies. */
  readonly context: Omit<AdminContext, 'signal'>;
  readonly host: string;
  /** Of the monitoring port. */
  readonly monitoringHost: string;
  /** Plain HTTP when absent. */
  readonly tls?: AdminTlsFiles;
  readonly adminPort: number;
  /** Undefined: no separate monitoring port. */
  readonly monitoringPort?: number;
  /** Told the real ports each time the server listens. */
  readonly onListening?: (ports: { readonly adminPort: number }) => void;
}

/** The service. It fails with MeshError `unavailable` when a port is taken. */
export function createAdminServer(options: AdminServerOptions): Service {
  return {
    name: 'admin',
    run: async (signal) => {
      const stop = new AbortController();
      const context: AdminContext = { ...options.context, signal: AbortSignal.any([signal, stop.signal]) };
      const admin = await createAdminApp(context, options.tls && { tls: await readAdminTls(options.tls) });
      const monitoring = options.monitoringPort === undefined ? undefined : createMonitoringApp(context);
      try {
        const adminPort = await listen(admin, options.host, options.adminPort, 'the admin API');
        if (monitoring !== undefined)
          await listen(monitoring, options.monitoringHost, options.monitoringPort ?? 0, 'metrics');
        context.logger.info({ host: options.host, adminPort }, 'admin API listening');
        options.onListening?.({ adminPort });
        const { clock, logger } = context;
        if (options.tls && admin.server instanceof TlsServer)
          await keepAdminTlsFresh(admin.server, { files: options.tls, clock, logger, signal });
        else await aborted(signal);
      } finally {
        stop.abort();
        await Promise.all([admin.close(), monitoring?.close()]);
      }
    },
  };
}

async function listen(app: FastifyInstance, host: string, port: number, what: string): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new MeshError('unavailable', `${what} can't listen on ${host}:${port}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
