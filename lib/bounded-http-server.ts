// An HTTP/1 server (or HTTPS) with bounds on everything that a client can send or hold before anybody knows who it is.
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  createServer as createTlsServer,
  type ServerOptions as TlsOptions,
  type Server as TlsServer,
} from 'node:https';
import { guardConnections } from './connection-guard.ts';

/** What the HTTP ports of Periplus bound; docs/reference/listeners.md shows it. Bodies are bounded by who reads them. */
export const httpLimits = {
  /** A request's head, in all. Node's own default; a bearer token and a traceparent are a tenth of it. */
  headerBytes: 16 * 1024,
  /** Header lines; further ones are not looked at. Browsers send some 20. */
  headerCount: 100,
  /** From the first byte of a connection to the end of the head: whoever dribbles is cut off. */
  headersTimeoutMs: 10_000,
  /** Until the whole request is there. */
  requestTimeoutMs: 60_000,
  /** Idle sockets; longer than the CLI's and browsers' own keep-alive. */
  keepAliveTimeoutMs: 75_000,
  /** How often the time limits are looked at. */
  checkIntervalMs: 1_000,
  /** Requests on one connection at a time is 1 in HTTP/1; so many in its life, so that load balancing moves on. */
  requestsPerConnection: 10_000,
} as const;

interface HttpOptions {
  readonly tls?: TlsOptions;
  readonly keepAliveTimeoutMs?: number;
}

/** Makes one that does not listen yet. With `tls` it speaks HTTPS, without resuming sessions: each connection shows its certificate. */
export function createBoundedHttpServer(
  handler: RequestListener,
  options: HttpOptions & { readonly tls: TlsOptions },
): TlsServer;
export function createBoundedHttpServer(handler: RequestListener, options?: HttpOptions): Server;
export function createBoundedHttpServer(handler: RequestListener, options: HttpOptions = {}): Server {
  const http = {
    maxHeaderSize: httpLimits.headerBytes,
    headersTimeout: httpLimits.headersTimeoutMs,
    requestTimeout: httpLimits.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? httpLimits.keepAliveTimeoutMs,
    connectionsCheckingInterval: httpLimits.checkIntervalMs,
  };
  const server: Server = options.tls
    ? createTlsServer({ ...http, ...options.tls }, handler)
    : createServer(http, handler);
  server.maxHeadersCount = httpLimits.headerCount;
  server.maxRequestsPerSocket = httpLimits.requestsPerConnection;
  const guard = guardConnections(server);
  server.on('request', ({ socket }) => guard.prove(socket));
  return server;
}
