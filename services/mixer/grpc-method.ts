// A gRPC method by its messages: how they are read and written is the same for every service on Mixer's port.
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';

/** A method as grpc-js wants it. `path`: `/PACKAGE.SERVICE/METHOD`. Tests and benchmarks call it too. */
export function grpcMethod<Request extends DescMessage, Response extends DescMessage>(options: {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
  /** The caller sends a stream; default: one message. */
  readonly requestStream?: boolean;
}): MethodDefinition<MessageShape<Request>, MessageShape<Response>> {
  const { path, request, response, requestStream = false } = options;
  return {
    ...{ path, requestStream, responseStream: false },
    requestSerialize: (message) => Buffer.from(toBinary(request, message)),
    requestDeserialize: (bytes) => fromBinary(request, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes) => fromBinary(response, bytes),
  };
}
