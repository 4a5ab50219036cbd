// A proxyless gRPC application for foreign-client.test.ts: calls its target once for every message from its parent and tells the answer.
import { Client, credentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

register();
const client = new Client(process.argv[2] ?? '', credentials.createInsecure());
const identity = (bytes: Buffer) => bytes;

process.on('message', () => {
  const deadline = Date.now() + 2_000;
  client.makeUnaryRequest('/echo.Echo/Who', identity, identity, Buffer.alloc(0), { deadline }, (error, answer) => {
    process.send?.(error ? `error: ${error.message}` : String(answer));
  });
});
