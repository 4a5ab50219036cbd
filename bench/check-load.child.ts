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
  /** The encoded message, in base64. */
  readonly message: string;
}

/** What came of it: calls that were answered with status 0, others, and how long a call took, in ms. */
export interface CheckLoadResult {
  readonly answered: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as CheckLoadOrder;
const message = Buffer.from(order.message, 'base64');
const frame = Buffer.concat([Buffer.alloc(5), message]);
frame.writeUInt32BE(message.length, 1);
const headers = {
  ...{ ':method': 'POST', ':path': order.path, 'content-type': 'application/grpc', te: 'trailers' },
  ...order.headers,
};
const latencies: number[] = [];
let failed = 0;
let isOver = false;

/** Whether the call was answered with status 0. */
function call(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    let status: unknown;
    let bytes = 0;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('data', (part: Buffer) => (bytes += part.length));
    stream.on('error', () => {});
    stream.on('close', () => resolve(Number(status) === 0 && bytes > 5));
    stream.end(frame);
  });
}

async function callInTurn(session: ClientHttp2Session): Promise<void> {
  while (!isOver) {
    const startMs = performance.now();
    if (await call(session)) latencies.push(performance.now() - startMs);
    else failed++;
  }
}

const sessions = Array.from({ length: order.connections }, () =>
  order.tls
    ? connect(`https://127.0.0.1:${order.port}`, { ...order.tls, checkServerIdentity: () => undefined })
    : connect(`http://127.0.0.1:${order.port}`),
);
setTimeout(() => {
  isOver = true;
}, order.seconds * 1_000);
await Promise.all(
  sessions.flatMap((session) => Array.from({ length: order.callsPerConnection }, () => callInTurn(session))),
);
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
const result: CheckLoadResult = { answered: latencies.length, failed, p50Ms: at(0.5), p99Ms: at(0.99) };
process.stdout.write(JSON.stringify(result));
process.exit(0);
