// Small receivers of what proxies report: Envoy's access log service over gRPC, and Zipkin's spans over HTTP.
import { createServer } from 'node:http';
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

/** Spans with the path that they were sent to. */
export interface ZipkinReceiver {
  readonly received: readonly { readonly path: string; readonly span: ZipkinSpan }[];
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1. */
export function startZipkinReceiver(port: number): Promise<ZipkinReceiver> {
  const received: { path: string; span: ZipkinSpan }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      for (const span of JSON.parse(body) as ZipkinSpan[]) received.push({ path: request.url ?? '', span });
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
