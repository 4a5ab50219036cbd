import { type ClientHttp2Session, connect } from 'node:http2';
import { Client, credentials, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { grpcServerOptions, openGrpcPort } from './grpc-port.ts';
import type { UnaryMethod } from './grpc-unary.ts';
import { bypassUnaryCalls } from './unary-bypass.ts';

const same = (bytes: Buffer) => bytes;
const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const method = (path: string) => ({ path, requestStream: false, responseStream: false, ...codec });
const service = { Often: method('/test.Echo/Often'), Seldom: method('/test.Echo/Seldom') };
const limits = { maxRequestBytes: 1_000, maxStreamsPerConnection: 100, maxSessionMiB: 10, idleMs: 60_000 };

describe('unary calls past grpc-js', () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0).reverse()) end();
  });

  /** A server with two methods that answer with what they got and by whom they were served. */
  async function start(often: UnaryMethod = async (message) => Buffer.concat([Buffer.from('past '), message])) {
    const server = new Server(grpcServerOptions(limits));
    const handle = (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) =>
      done(null, Buffer.concat([Buffer.from('grpc-js '), call.request]));
    server.addService(service, { Often: handle, Seldom: handle });
    const bypass = { methods: new Map([[service.Often.path, often]]), maxRequestBytes: limits.maxRequestBytes };
    const at = { what: 'Test', host: '127.0.0.1', port: 0, credentials: ServerCredentials.createInsecure() };
    const opened = await openGrpcPort(server, { ...at, bypass });
    ends.push(() => {
      opened.close();
      server.forceShutdown();
    });
    return opened.port;
  }

  function client(port: number, options = {}) {
    const made = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
    ends.push(() => made.close());
    return (path: string, message: string) =>
      new Promise<string | ServiceError>((resolve) =>
        made.makeUnaryRequest(path, same, same, Buffer.from(message), (error, answer) =>
          resolve(error ?? answer?.toString() ?? ''),
        ),
      );
  }

  function session(port: number): ClientHttp2Session {
    const made = connect(`http://127.0.0.1:${port}`);
    ends.push(() => made.destroy());
    return made;
  }

  const frame = (message: Buffer, flag = 0) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flag, 0);
    head.writeUInt32BE(message.length, 1);
    return Buffer.concat([head, message]);
  };
  const headersOf = (more: object = {}) => ({
    ...{ ':method': 'POST', ':path': service.Often.path, 'content-type': 'application/grpc', te: 'trailers' },
    ...more,
  });
  /** The status that these bytes are answered with, from trailers or from a response of trailers only. */
  function statusOf(one: ClientHttp2Session, body: Buffer, more: object = {}): Promise<number> {
    return new Promise((resolve) => {
      const stream = one.request(headersOf(more));
      const take = (headers: object) => 'grpc-status' in headers && resolve(Number(headers['grpc-status']));
      stream
        .on('response', take)
        .on('trailers', take)
        .on('error', () => {})
        .resume();
      stream.end(body);
    });
  }

  it('serves the chosen method itself and leaves the others, and compressed calls, to grpc-js', async () => {
    const port = await start();
    const call = client(port);
    expect(await call(service.Often.path, 'a')).toBe('past a');
    expect(await call(service.Seldom.path, 'b')).toBe('grpc-js b');
    expect(await call(service.Often.path, '')).toBe('past ');
    const packed = client(port, { 'grpc.default_compression_algorithm': 2 });
    expect(await packed(service.Often.path, 'c'.repeat(500))).toBe(`grpc-js ${'c'.repeat(500)}`);
    expect(await call('/test.Echo/Never', '')).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it('answers many calls of one connection, each with its own', async () => {
    const call = client(await start());
    const asked = Array.from({ length: 300 }, (_, i) => String(i));
    expect(await Promise.all(asked.map((text) => call(service.Often.path, text)))).toEqual(
      asked.map((text) => `past ${text}`),
    );
  });

  it('tells a status with its words, and nothing of what was thrown', async () => {
    const refusing = client(await start(async () => ({ code: status.INVALID_ARGUMENT, details: 'no 100 % – ü' })));
    expect(await refusing(service.Often.path, '')).toMatchObject({
      ...{ code: status.INVALID_ARGUMENT, details: 'no 100 % – ü' },
    });
    const throwing = client(await start(() => Promise.reject(new Error('secret'))));
    const error = await throwing(service.Often.path, '');
    expect(error).toMatchObject({ code: status.INTERNAL, details: 'the call failed' });
  });

  it('refuses what is too large, cut off, two messages, or compressed by nothing', async () => {
    const port = await start();
    const one = session(port);
    const message = Buffer.from('hello');
    expect(await statusOf(one, frame(Buffer.alloc(1_000)))).toBe(status.OK);
    expect(await statusOf(one, frame(Buffer.alloc(1_001)))).toBe(status.RESOURCE_EXHAUSTED);
    expect(await statusOf(one, frame(Buffer.alloc(1_000_000)))).toBe(status.RESOURCE_EXHAUSTED);
    for (const body of [
      ...[Buffer.alloc(0), Buffer.alloc(4), frame(message).subarray(0, 8), frame(message, 1)],
      Buffer.concat([frame(message), frame(message)]),
    ])
      expect(await statusOf(one, body)).toBe(status.INTERNAL);
    expect(await statusOf(one, frame(message))).toBe(status.OK);
  });

  it('ends a call at the deadline that its caller named', async () => {
    const port = await start(async (message) => (message.length > 0 ? await new Promise(() => {}) : message));
    const one = session(port);
    expect(await statusOf(one, frame(Buffer.from('a')), { 'grpc-timeout': '10m' })).toBe(status.DEADLINE_EXCEEDED);
    expect(await statusOf(one, frame(Buffer.alloc(0)), { 'grpc-timeout': '1H' })).toBe(status.OK);
    expect(await statusOf(one, frame(Buffer.alloc(0)), { 'grpc-timeout': 'soon' })).toBe(status.OK);
  });

  it('serves on when a caller resets its call, before its message is whole or after', async () => {
    const asked: (() => void)[] = [];
    const port = await start(async (message) => {
      if (message.length > 0) await new Promise<void>((resolve) => asked.push(resolve));
      return message;
    });
    const one = session(port);
    const half = one.request(headersOf());
    half.on('error', () => {});
    half.write(frame(Buffer.from('half')).subarray(0, 7));
    const whole = one.request(headersOf());
    whole.on('error', () => {});
    whole.end(frame(Buffer.from('whole')));
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(1);
    half.close(8);
    whole.close(8);
    expect(await statusOf(one, frame(Buffer.alloc(0)))).toBe(status.OK);
    asked[0]?.();
    expect(await statusOf(one, frame(Buffer.alloc(0)))).toBe(status.OK);
  });

  it('leaves a server alone that does not show what is needed', () => {
    const bypass = { methods: new Map(), maxRequestBytes: 1 };
    expect(bypassUnaryCalls({}, bypass)).toBe(false);
    expect(bypassUnaryCalls({ http2Servers: new Map() }, bypass)).toBe(false);
  });
});
