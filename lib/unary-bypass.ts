// Takes chosen unary calls past grpc-js: its server costs 25 to 50 µs of CPU a call more than node:http2 under it.
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { serveUnary, type UnaryMethod } from './grpc-unary.ts';

/** Calls that need no grpc-js. */
export interface UnaryBypass {
  /** By path, `/PACKAGE.SERVICE/METHOD`. */
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly maxRequestBytes: number;
}

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: readonly unknown[]) => void;

/** What this needs of grpc-js' server and of its HTTP/2 servers; not in its types, hence looked for at run time. */
interface Inner {
  readonly http2Servers: ReadonlyMap<Http2Events, unknown>;
  /** Keeps a connection with a stream from being closed as idle. */
  onStreamOpened(stream: ServerHttp2Stream): void;
}

interface Http2Events {
  listeners(event: 'stream'): OnStream[];
  removeAllListeners(event: 'stream'): unknown;
  on(event: 'stream', take: OnStream): unknown;
}

/**
 * From now on the calls of `bypass` on connections of `server`, a Server of grpc-js, are served past it. False where grpc-js does not show
 * what that needs: then it goes on serving them itself, slower, not wrong; so do those that are compressed or not quite gRPC.
 */
export function bypassUnaryCalls(server: object, { methods, maxRequestBytes }: UnaryBypass): boolean {
  if (!isInner(server)) return false;
  for (const http2 of server.http2Servers.keys()) {
    const [whole, ...others] = http2.listeners('stream');
    if (whole === undefined || others.length > 0) return false;
    http2.removeAllListeners('stream');
    http2.on('stream', (stream, headers, ...rest) => {
      const method = isPlain(headers) ? methods.get(headers[':path'] ?? '') : undefined;
      if (method === undefined) return whole(stream, headers, ...rest);
      server.onStreamOpened(stream);
      serveUnary(stream, headers, { method, maxRequestBytes });
    });
  }
  return true;
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding'];
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  return isGrpc && headers[':method'] === 'POST' && (encoding === undefined || encoding === 'identity');
}

function isInner(server: object): server is Inner {
  return (
    Reflect.get(server, 'http2Servers') instanceof Map && typeof Reflect.get(server, 'onStreamOpened') === 'function'
  );
}
