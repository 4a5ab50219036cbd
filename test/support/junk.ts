// What a scanner, a broken client or an enemy sends to a port: each kind bounded in count, bytes and time, to 127.0.0.1 only.
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** `bytes` bytes without meaning, the same for the same seed. */
export function randomBytes(seed: number, bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, index) =>
    createHash('sha256').update(`${seed}/${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** Complete messages that no server of ours understands, by name. */
export const junk: Readonly<Record<string, readonly Buffer[]>> = {
  'random bytes': Array.from({ length: 20 }, (_, seed) => randomBytes(seed, 64 * 1024)),
  'zero bytes': [Buffer.alloc(64 * 1024)],
  'a TLS handshake': [Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), randomBytes(1, 512)])],
  'HTTP/1.1': [Buffer.from('GET /no/such/page HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n')],
  'headers of a megabyte': [
    Buffer.from(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-big: ${'a'.repeat(1024 * 1024)}\r\n\r\n`),
    Buffer.from(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n${'x: y\r\n'.repeat(100_000)}\r\n`),
  ],
  'two lengths of one body': [
    Buffer.from(
      'POST /api/v1/apply HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nX',
    ),
  ],
  'HTTP/2 frames of random bytes': Array.from({ length: 10 }, (_, seed) =>
    Buffer.concat([http2Preface, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), randomBytes(100 + seed, 16 * 1024)]),
  ),
  'an HTTP/2 frame longer than allowed': [
    Buffer.concat([http2Preface, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), randomBytes(7, 256 * 1024)]),
  ],
};

/** Beginnings of messages that never go on. */
export const halves: readonly Buffer[] = [
  Buffer.alloc(0),
  http2Preface.subarray(0, 10),
  http2Preface,
  Buffer.from('GET /healthz HTTP/1.1\r\nhost: 127.'),
  Buffer.from(
    'POST /api/v1/apply HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"re',
  ),
];

/** Sends one message and waits until the server closes the connection, at most `limitMs`. */
export async function send(port: number, message: Buffer, limitMs = 1000): Promise<void> {
  const socket = await open(port);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), limitMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end(message);
  });
}

/** Opens `count` connections that each send half of something and stay. Call the result to end them. */
export async function holdOpen(port: number, count: number): Promise<() => void> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port)));
  for (const [index, socket] of sockets.entries()) socket.write(halves[index % halves.length] ?? '');
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // a server that has had enough resets the connection: that is its right
      resolve(socket);
    });
  });
}

/** Sends `message` on an ADS stream as if it were a DiscoveryRequest; resolves with the status that ends the stream. */
export async function sendGrpc(port: number, message: Buffer): Promise<StatusObject> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  const same = (bytes: Buffer) => bytes;
  const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
  const stream = client.makeBidiStreamRequest(path, same, same, new Metadata(), { deadline: Date.now() + 20_000 });
  try {
    return await new Promise<StatusObject>((resolve) => {
      stream.on('status', resolve);
      stream.on('error', () => {}); // the status says it
      stream.resume();
      stream.write(message);
    });
  } finally {
    stream.cancel();
    client.close();
  }
}
