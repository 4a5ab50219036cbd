// Small receivers of what proxies report: Envoy's access log service over gRPC, and Zipkin's spans over HTTP.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
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
  const server = new Server();
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
  const stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve({ received, stop }));
  });
}
