// A gRPC stream by hand: messages are sent one after the other, each once the one before has come back.
import { connect, type IncomingHttpHeaders } from 'node:http2';

/** What came of a stream. */
export interface StreamAnswer {
  /** Messages that came back, in order. */
  readonly messages: readonly string[];
  /** `grpc-status` and `grpc-message` of the trailers, or of the headers where nothing else came. */
  readonly status: string;
  readonly message: string;
}

/** Sends `messages` over one stream that stays open; rejects when one does not come back within ten seconds. */
export function grpcStream(
  to: { readonly port: number; readonly host: string; readonly headers?: Readonly<Record<string, string>> },
  messages: readonly string[],
): Promise<StreamAnswer> {
  const session = connect(`http://127.0.0.1:${to.port}`);
  return new Promise<StreamAnswer>((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/pkg.Service/Chat',
      ':authority': to.host,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...to.headers,
    });
    const back: string[] = [];
    let last: IncomingHttpHeaders = {};
    let received = Buffer.alloc(0);
    const sendNext = () => {
      const next = messages[back.length];
      if (next === undefined) stream.end();
      else stream.write(framed(next));
    };
    stream.on('response', (headers) => (last = headers));
    stream.on('trailers', (trailers) => (last = trailers));
    stream.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      for (let end = endOfFirst(received); end !== undefined; end = endOfFirst(received)) {
        back.push(received.subarray(prefixBytes, end).toString());
        received = received.subarray(end);
        sendNext();
      }
    });
    stream.on('error', reject);
    stream.on('end', () =>
      resolve({ messages: back, status: String(last['grpc-status']), message: String(last['grpc-message'] ?? '') }),
    );
    stream.setTimeout(10_000, () => stream.destroy(new Error(`no message within 10 s, after ${back.length}`)));
    sendNext();
  }).finally(() => session.destroy());
}

/** One byte that says "not compressed", four of length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

function framed(text: string): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

function endOfFirst(bytes: Buffer): number | undefined {
  if (bytes.length < prefixBytes) return undefined;
  const end = prefixBytes + bytes.readUInt32BE(1);
  return bytes.length < end ? undefined : end;
}
