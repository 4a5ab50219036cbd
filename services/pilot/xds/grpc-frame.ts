// gRPC's frame around a message, made together with the message: who sends it to many streams writes one buffer and frames nothing.

/** A byte that says "not compressed", then the message's length (grpc.io, PROTOCOL-HTTP2, "Length-Prefixed-Message"). */
const headBytes = 5;

const frames = new WeakMap<Buffer, Buffer>();

/** The message that `parts` make, with room for its frame before it. */
export function framedMessage(parts: readonly Uint8Array[]): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headBytes), ...parts]);
  const message = frame.subarray(headBytes);
  frame.writeUInt32BE(message.length, 1);
  frames.set(message, frame);
  return message;
}

/** The frame with `message` in it; undefined when the message was not made by `framedMessage`. */
export function frameOf(message: Buffer): Buffer | undefined {
  return frames.get(message);
}
