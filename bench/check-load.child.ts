// A closed-loop gRPC client of Mixer's checks as a process of its own: as many calls under way as ordered, each followed by the next.
import { type ClientHttp2Session, connect } from 'node:http2';

/** What the parent asks for. */
export interface CheckLoadOrder {
  readonly port: number;
  /** Over TLS, by these PEM texts; absent: plaintext. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly connections: number;
  readonly callsPerConnection: number;
  readonly seconds: number;
  readonly path: string;
  /** More headers of each call. */
  readonly headers: Readonly<Record<string, string>>;
  /** The encoded message that is sent again and again, in base64. */
  readonly message: string;
  /** One that the rules refuse, sent once: else nobody would notice rules that are not in effect. */
  readonly refused: string;
}

/** What came of it: calls that were answered as the first was, others, and how long a call took, in ms. */
export interface CheckLoadResult {
  readonly answered: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as CheckLoadOrder;
const headers = {
  ...{ ':method': 'POST', ':path': order.path, 'content-type': 'application/grpc', te: 'trailers' },
  ...order.headers,
};
const latencies: number[] = [];
let failed = 0;
let isOver = false;

/** A message as a gRPC frame. */
function framed(base64: string): Buffer {
  const message = Buffer.from(base64, 'base64');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The bytes of an answer with status 0, else undefined. */
function call(session: ClientHttp2Session, frame: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    const parts: Buffer[] = [];
    let status: unknown;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', () => {});
    stream.on('close', () => resolve(status === '0' ? Buffer.concat(parts) : undefined));
    stream.end(frame);
  });
}

async function callInTurn(session: ClientHttp2Session, frame: Buffer, expected: Buffer): Promise<void> {
  while (!isOver) {
    const startMs = performance.now();
    if ((await call(session, frame))?.equals(expected)) latencies.push(performance.now() - startMs);
    else failed++;
  }
}

const sessions = Array.from({ length: order.connections }, () =>
  order.tls
    ? connect(`https://127.0.0.1:${order.port}`, { ...order.tls, checkServerIdentity: () => undefined })
    : connect(`http://127.0.0.1:${order.port}`),
);
const [first] = sessions;
const passed = first && (await call(first, framed(order.message)));
const refused = first && (await call(first, framed(order.refused)));
if (!passed || !refused || passed.equals(refused)) throw new Error('the rules are not in effect');
setTimeout(() => {
  isOver = true;
}, order.seconds * 1_000);
const frame = framed(order.message);
await Promise.all(
  sessions.flatMap((session) =>
    Array.from({ length: order.callsPerConnection }, () => callInTurn(session, frame, passed)),
  ),
);
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
const result: CheckLoadResult = { answered: latencies.length, failed, p50Ms: at(0.5), p99Ms: at(0.99) };
process.stdout.write(JSON.stringify(result));
process.exit(0);
