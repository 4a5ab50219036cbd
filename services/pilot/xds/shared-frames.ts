// Lets grpc-js send one buffer to many streams without copying it for each: its own framing allocates and fills a copy per message.
import type { ServerHttp2Stream } from 'node:http2';
import { Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { frameOf } from './grpc-frame.ts';

/** What this needs of grpc-js' innermost call; not in its types, hence looked for at run time. */
interface InnerCall {
  readonly stream: ServerHttp2Stream;
}

/**
 * Sends messages that were made with their frame (grpc-frame.ts) as that one buffer. Where grpc-js does not show its HTTP/2 stream it frames as ever: slower, not wrong.
 * A full state of 1 MB for 300 proxies is 300 MB that are neither allocated nor copied.
 */
export const sharedFrames: ServerInterceptor = (_, call) => new SharedFramesCall(call);

type Inner = ConstructorParameters<typeof ServerInterceptingCall>[0];

class SharedFramesCall extends ServerInterceptingCall {
  readonly #inner: Inner;
  #metadataSent = false;

  constructor(inner: Inner) {
    super(inner);
    this.#inner = inner;
  }

  override sendMetadata(metadata: Metadata): void {
    this.#metadataSent = true;
    super.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const frame = Buffer.isBuffer(message) ? frameOf(message) : undefined;
    if (!frame || !showsStream(this.#inner)) {
      super.sendMessage(message, callback);
      return;
    }
    const { stream } = this.#inner;
    if (stream.destroyed || stream.closed) return;
    if (!this.#metadataSent) this.sendMetadata(new Metadata());
    stream.write(frame, (error) => {
      if (!error) callback();
    });
  }
}

function showsStream(call: object): call is InnerCall {
  const stream: unknown = Reflect.get(call, 'stream');
  return typeof stream === 'object' && stream !== null && 'write' in stream;
}
