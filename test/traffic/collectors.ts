// Small receivers of what proxies report: Envoy's access log service over gRPC, Zipkin's spans over HTTP, and the bytes of any other.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import type { StreamAccessLogsMessage } from '../../gen/envoy/service/accesslog/v3/als_pb.js';
import { accessLogService } from '../../services/mixer/report/access-log-server.ts';

/** Messages of access logs as they came; the first of each stream says whose they are. */
export interface AccessLogReceiver {
  readonly messages: readonly StreamAccessLogsMessage[];
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1. */
export async function startAccessLogReceiver(port: number): Promise<AccessLogReceiver> {
  const messages: StreamAccessLogsMessage[] = [];
  const server = new GrpcServer();
  const receive: HandleLogs = (call) => {
    call.on('data', (message: StreamAccessLogsMessage) => messages.push(message));
    call.on('error', () => {});
  };
  server.addService(accessLogService, { StreamAccessLogs: receive });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return { messages, stop: async () => server.forceShutdown() };
}

type HandleLogs = (call: {
  on(event: 'data', listener: (message: StreamAccessLogsMessage) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}) => void;

/** A span in Zipkin's JSON (zipkin.io/zipkin-api). */
export interface ZipkinSpan {
  readonly traceId: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A span with the path that it was sent to and the headers that it came with. */
export interface ReceivedZipkinSpan {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly span: ZipkinSpan;
}

/** Spans as they came. */
export interface ZipkinReceiver {
  readonly received: readonly ReceivedZipkinSpan[];
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1. */
export function startZipkinReceiver(port: number): Promise<ZipkinReceiver> {
  const received: ReceivedZipkinSpan[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      for (const span of JSON.parse(body) as ZipkinSpan[]) received.push({ path, headers, span });
      response.writeHead(202).end();
    });
  });
  return listening(server, port, { received, close: () => server.closeAllConnections() });
}

/** The bytes of a piece of a call, read as Latin-1: texts inside can be looked for. */
export interface ReceivedBytes {
  readonly path: string;
  readonly text: string;
}

/** What came, in pieces as it came. */
export interface BytesReceiver {
  readonly received: readonly ReceivedBytes[];
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1 for HTTP/1.1 and answers each call with `{}`: what Datadog's agent says to who asks for nothing. */
export function startHttpReceiver(port: number): Promise<BytesReceiver> {
  const received: ReceivedBytes[] = [];
  const server = createServer((request, response) => {
    const { url: path = '' } = request;
    request.on('data', (chunk: Buffer) => received.push({ path, text: chunk.toString('latin1') }));
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  return listening(server, port, { received, close: () => server.closeAllConnections() });
}

/** Listens on 127.0.0.1 for gRPC's streams of any method, and leaves them open. */
export function startStreamReceiver(port: number): Promise<BytesReceiver> {
  const received: ReceivedBytes[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => received.push({ path, text: chunk.toString('latin1') }));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  return listening(server, port, {
    received,
    close: () => {
      for (const session of sessions) session.destroy();
    },
  });
}

/** A receiver once its server listens; `close` ends the server's connections. */
function listening<Item>(
  server: Server,
  port: number,
  { received, close }: { readonly received: readonly Item[]; readonly close: () => void },
): Promise<{ readonly received: readonly Item[]; stop(): Promise<void> }> {
  const stop = () =>
    new Promise<void>((resolve) => {
      close();
      server.close(() => resolve());
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve({ received, stop }));
  });
}
