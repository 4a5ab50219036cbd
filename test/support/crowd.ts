// Crowds that besiege a port before anybody knows who they are: each bounded in count, bytes and time, to 127.0.0.1 only.
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { randomBytes } from './junk.ts';

/** A port under siege. */
export interface Target {
  readonly port: number;
  readonly tls: boolean;
  /** A gRPC method of it; undefined: it speaks HTTP/1. */
  readonly method?: string;
}

/** Lets the crowd go. */
export type Release = () => void;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const http2Head = Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0))]);

/** An HTTP/2 frame (RFC 9113, 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** `count` connections, over TLS if that is spoken; those that are refused are left out: refusing is the target's right. */
async function open({ port, tls }: Target, count: number): Promise<readonly Socket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, () => {
      return new Promise<Socket | undefined>((resolve) => {
        const options = { port, host: '127.0.0.1' };
        const socket = tls
          ? connectTls({ ...options, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
          : connect(options);
        socket.on('error', () => {});
        socket.once('close', () => resolve(undefined));
        socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket.resume()));
      });
    }),
  );
  return sockets.filter((socket) => socket !== undefined);
}

const releaseOf = (sockets: readonly { destroy(): unknown }[]) => () => {
  for (const socket of sockets) socket.destroy();
};

/** Connections that never send a byte, not even of TLS. */
export async function silence(target: Target, count: number): Promise<Release> {
  return releaseOf(await open({ ...target, tls: false }, count));
}

/** Connections that say the first byte of their protocol, and no more. */
export async function whisper(target: Target, count: number): Promise<Release> {
  const sockets = await open({ ...target, tls: false }, count);
  const first = target.tls ? Buffer.of(0x16) : preface.subarray(0, 1);
  for (const socket of sockets) if (socket.writable) socket.write(first);
  return releaseOf(sockets);
}

/** Connections that send an HTTP/1 head a byte at a time, for ever. */
export async function dribble(target: Target, count: number): Promise<Release> {
  const sockets = await open(target, count);
  const bytes = Buffer.from('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: '.padEnd(4_096, 'x'));
  let at = 0;
  const timer = setInterval(() => {
    for (const socket of sockets)
      if (socket.writable) socket.write(bytes.subarray(at % bytes.length, (at % bytes.length) + 1));
    at++;
  }, 100);
  return () => {
    clearInterval(timer);
    releaseOf(sockets)();
  };
}

/** Connections that send `bytes` each and wait to be closed, at most 2 s. */
export async function shout(target: Target, count: number, bytesOf: (index: number) => Buffer): Promise<void> {
  const sockets = await open(target, count);
  await Promise.all(
    sockets.map(async (socket, index) => {
      // Who shows no certificate may have been turned away already.
      const closed = new Promise<void>((resolve) =>
        socket.closed ? resolve() : socket.once('close', () => resolve()),
      );
      const timer = setTimeout(() => socket.destroy(), 2_000);
      socket.write(bytesOf(index));
      await closed;
      clearTimeout(timer);
    }),
  );
}

/** What breaks HTTP/1 and HTTP/2 parsers, the same for the same index. */
export function garbage(index: number): Buffer {
  const kinds: readonly (() => Buffer)[] = [
    () => randomBytes(index, 1 + ((index * 7_919) % 65_536)),
    () => Buffer.concat([http2Head, randomBytes(index, 16 * 1024)]),
    // Headers that never end: HEADERS without END_HEADERS, then CONTINUATION after CONTINUATION.
    () =>
      Buffer.concat([
        http2Head,
        frame(1, 0, 1, Buffer.alloc(0)),
        ...Array.from({ length: 64 }, () => frame(9, 0, 1, randomBytes(index, 16_384))),
      ]),
    () => Buffer.concat([http2Head, ...Array.from({ length: 5_000 }, () => frame(6, 0, 0, Buffer.alloc(8)))]),
    () => Buffer.concat([http2Head, ...Array.from({ length: 5_000 }, () => frame(4, 0, 0, Buffer.alloc(6)))]),
    () => Buffer.from(`GET / HTTP/1.1\r\nhost: localhost\r\n${'x: y\r\n'.repeat(20_000)}\r\n`),
    () => Buffer.from(`GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`),
    () =>
      Buffer.from(
        'POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999999999\r\n\r\n',
      ),
    () =>
      Buffer.from(
        `POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n${'f'.repeat(30)}\r\n`,
      ),
    ...['//', '/%', '/%00', '///x', '*', 'http://[', '/\u00ff', '/?#'].map(
      (path) => () => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, 'latin1'),
    ),
  ];
  return (kinds[index % kinds.length] ?? (() => Buffer.alloc(0)))();
}

function session({ port, tls }: Target): ClientHttp2Session {
  const made = connectHttp2(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  made.on('error', () => {});
  return made;
}

const headersOf = (target: Target, more: Readonly<Record<string, string>> = {}) => ({
  ':method': 'POST',
  ':path': target.method ?? '/',
  'content-type': 'application/grpc',
  te: 'trailers',
  ...more,
});

/** Sessions that each open `streams` calls and begin a message that never ends; comes back once `bytes` of each are sent or refused. */
export async function halfOpenCalls(
  target: Target,
  { sessions, streams, bytes = 0 }: { readonly sessions: number; readonly streams: number; readonly bytes?: number },
): Promise<Release> {
  const all = Array.from({ length: sessions }, () => session(target));
  const sent: Promise<void>[] = [];
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes + 1, 1);
  const message = Buffer.concat([head, Buffer.alloc(bytes)]);
  await Promise.all(
    all.map(async (each) => {
      await new Promise<void>((resolve) => each.once('connect', () => resolve()).once('close', () => resolve()));
      for (let i = 0; i < streams && !each.destroyed; i++) {
        const stream = each.request(headersOf(target));
        stream.on('error', () => {});
        stream.resume();
        if (bytes > 0)
          sent.push(
            new Promise((resolve) => {
              stream.once('close', () => resolve());
              stream.write(message, () => resolve());
            }),
          );
      }
    }),
  );
  // A call that is refused half-way is neither sent nor closed: it need not be waited for.
  await Promise.race([Promise.all(sent), new Promise((resolve) => setTimeout(resolve, 5_000))]);
  return releaseOf(all);
}

/** Calls that are begun and reset at once, `count` on one connection (CVE-2023-44487). */
export async function resetCalls(target: Target, count: number): Promise<void> {
  const one = session(target);
  await new Promise<void>((resolve) => one.once('connect', () => resolve()).once('close', () => resolve()));
  for (let i = 0; i < count && !one.destroyed && !one.closed; i++) {
    const stream = one.request(headersOf(target));
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  one.destroy();
}

/** A message of a few KiB that unpacks to `mebibytes` MiB. Gives the gRPC status that answers it, `closed` when the connection was. */
export async function unpackingMessage(target: Target, mebibytes: number): Promise<string> {
  const one = session(target);
  const packed = gzipSync(Buffer.alloc(mebibytes * 1024 * 1024));
  const head = Buffer.alloc(5);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(packed.length, 1);
  const stream = one.request(headersOf(target, { 'grpc-encoding': 'gzip' }));
  return await new Promise<string>((resolve) => {
    const status = (headers: object) => {
      const found = 'grpc-status' in headers ? String(headers['grpc-status']) : undefined;
      if (found !== undefined) resolve(found);
    };
    stream
      .on('response', status)
      .on('trailers', status)
      .on('error', () => {});
    stream.on('close', () => resolve('closed'));
    stream.resume();
    stream.end(Buffer.concat([head, packed]));
  }).finally(() => one.destroy());
}
