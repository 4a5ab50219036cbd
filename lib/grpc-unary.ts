// One unary gRPC call on a stream of node:http2 (grpc.io, PROTOCOL-HTTP2): a message in, a message or a status out.
import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

/** Status codes that a call may end with beside its method's own (grpc.io, "Status codes and their use in gRPC"). */
const codes = { deadlineExceeded: 4, resourceExhausted: 8, internal: 13 } as const;

/** A status other than OK. */
export interface UnaryStatus {
  /** Of grpc.io's list, not 0. */
  readonly code: number;
  /** For the caller. */
  readonly details: string;
}

/** What a call came with. */
export interface UnaryCall {
  readonly headers: IncomingHttpHeaders;
  /** The connection; undefined once it is gone. */
  readonly session: ServerHttp2Session | undefined;
}

/** Answers one encoded message with another or a status. What it throws is INTERNAL, without telling the caller more. */
export type UnaryMethod = (message: Uint8Array, call: UnaryCall) => Promise<Uint8Array | UnaryStatus>;

/** Length-Prefixed-Message: one byte whether it is compressed, four for its length. */
const prefixBytes = 5;

/** Serves the call that `stream` was opened for. A caller that goes away first is answered nothing. */
export function serveUnary(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { method, maxRequestBytes }: { readonly method: UnaryMethod; readonly maxRequestBytes: number },
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Resets are the caller's business.
  stream.on('error', () => {});
  stream.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= prefixBytes + maxRequestBytes) parts.push(part);
    else if (!stream.headersSent) {
      parts.length = 0;
      reply(stream, { code: codes.resourceExhausted, details: `a message may have ${maxRequestBytes} bytes` });
      // It need not send the rest (RFC 9113, 8.1).
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  });
  stream.on('end', () => {
    const read = readMessage(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
    if (read instanceof Uint8Array)
      void answer(stream, headers, () => method(read, { headers, session: sessionOf(stream) }));
    else reply(stream, read);
  });
}

const sessionOf = ({ session }: ServerHttp2Stream) => session as ServerHttp2Session | undefined;

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  work: () => Promise<Uint8Array | UnaryStatus>,
): Promise<void> {
  const timeoutMs = timeoutMsOf(headers['grpc-timeout']);
  const late = () => reply(stream, { code: codes.deadlineExceeded, details: 'the deadline is over' });
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  try {
    reply(stream, await work());
  } catch {
    reply(stream, { code: codes.internal, details: 'the call failed' });
  } finally {
    clearTimeout(timer);
  }
}

/** The one message of a request's body. */
function readMessage(body: Buffer): Uint8Array | UnaryStatus {
  if (body.length < prefixBytes || body.length !== prefixBytes + body.readUInt32BE(1))
    return { code: codes.internal, details: 'the request is not one whole message' };
  if (body[0] !== 0) return { code: codes.internal, details: 'the message is compressed by no grpc-encoding' };
  return body.subarray(prefixBytes);
}

const answered = { ':status': 200, 'content-type': 'application/grpc' } as const;
const ok = { 'grpc-status': '0' } as const;

function reply(stream: ServerHttp2Stream, result: Uint8Array | UnaryStatus): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (result instanceof Uint8Array) {
    stream.respond(answered, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(ok));
    const frame = Buffer.allocUnsafe(prefixBytes + result.length);
    frame[0] = 0;
    frame.writeUInt32BE(result.length, 1);
    frame.set(result, prefixBytes);
    stream.end(frame);
    return;
  }
  const status = { 'grpc-status': String(result.code), 'grpc-message': encodeURIComponent(result.details) };
  stream.respond({ ...answered, ...status }, { endStream: true });
}

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
/** setTimeout's bound; a caller that waits for 24 days has no deadline. */
const maxTimeoutMs = 2 ** 31 - 1;

/** The caller's deadline; undefined: none, or none that can be read. */
function timeoutMsOf(text: string | string[] | undefined): number | undefined {
  const [, value, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(typeof text === 'string' ? text : '') ?? [];
  const ms =
    value === undefined ? Number.POSITIVE_INFINITY : Number(value) * (unitsMs[unit] ?? Number.POSITIVE_INFINITY);
  return ms <= maxTimeoutMs ? ms : undefined;
}
