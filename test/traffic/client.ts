// Clients for traffic tests: HTTP/1.1 with any Host, HTTP/2, gRPC, WebSocket, raw TCP and TLS, against an Envoy on loopback.
import { X509Certificate } from 'node:crypto';
import { type Agent, request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { connect as http2Connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { type Socket, connect as tcpConnect } from 'node:net';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import type { Echo } from './echo-server.ts';

/** How a request is to be sent. */
export interface Call {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** TLS to Envoy with these settings. */
  readonly tls?: ConnectionOptions;
  /** A new connection by default. */
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

/** An answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly ms: number;
  /** The upstream's account of the request; throws when the answer is not an upstream's. */
  readonly echo: Echo;
}

/** Listeners open a moment after they were acknowledged: so long a refused connection is tried again. */
const openingMs = 3_000;

/** Sends one request over HTTP/1.1. Rejects when the connection fails or ends early. */
export async function send(path: string, call: Call): Promise<Answer> {
  return await whileOpening(() => sendOnce(path, call));
}

/** Repeats `attempt` while nobody listens. */
export async function whileOpening<T>(attempt: () => Promise<T>): Promise<T> {
  const started = performance.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isRefused = Reflect.get(Object(error), 'code') === 'ECONNREFUSED';
      if (!isRefused || performance.now() - started > openingMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function sendOnce(path: string, call: Call): Promise<Answer> {
  const started = performance.now();
  const options: RequestOptions = {
    host: call.address ?? '127.0.0.1',
    port: call.port,
    path,
    method: call.method ?? 'GET',
    headers: { host: call.host ?? 'echo', ...call.headers },
    agent: call.agent ?? false,
    timeout: call.timeoutMs ?? 10_000,
  };
  return new Promise((resolve, reject) => {
    const outgoing = (call.tls ? httpsRequest : httpRequest)({ ...options, ...call.tls }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (body += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve(answerOf(statusCode, headers, body, performance.now() - started));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${path} within ${options.timeout} ms`)));
    outgoing.on('error', reject);
    outgoing.end(call.body);
  });
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: string, ms: number): Answer {
  return {
    status,
    headers,
    body,
    ms,
    get echo() {
      if (!body.startsWith('{"instance"')) throw new Error(`not an upstream's answer: ${status} ${body.slice(0, 300)}`);
      return JSON.parse(body) as Echo;
    },
  };
}

/** An answer over HTTP/2, with the gRPC status if there is one. */
export interface Http2Answer extends Answer {
  readonly grpcStatus: string | undefined;
}

/** Sends one request over HTTP/2 (prior knowledge, or ALPN when `tls` is given). With `grpc` the body is framed as a gRPC message. */
export async function sendHttp2(path: string, call: Call & { readonly grpc?: boolean }): Promise<Http2Answer> {
  return await whileOpening(() => sendHttp2Once(path, call));
}

function sendHttp2Once(path: string, call: Call & { readonly grpc?: boolean }): Promise<Http2Answer> {
  const started = performance.now();
  const scheme = call.tls ? 'https' : 'http';
  const session = http2Connect(`${scheme}://${call.address ?? '127.0.0.1'}:${call.port}`, { ...call.tls });
  const result = new Promise<Http2Answer>((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': call.method ?? (call.grpc ? 'POST' : 'GET'),
      ':path': path,
      ':scheme': scheme,
      ':authority': call.host ?? 'echo',
      ...(call.grpc && { 'content-type': 'application/grpc', te: 'trailers' }),
      ...call.headers,
    });
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let grpcStatus: string | undefined;
    const chunks: Buffer[] = [];
    const readStatus = (from: Record<string, unknown>) => {
      const value = from['grpc-status'];
      if (typeof value === 'string') grpcStatus = value;
    };
    stream.on('response', (received) => {
      status = Number(received[':status']);
      headers = received as IncomingHttpHeaders;
      readStatus(received);
    });
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      const body = Buffer.concat(chunks)
        .subarray(call.grpc ? 5 : 0)
        .toString();
      const { echo: _, ...rest } = Object.getOwnPropertyDescriptors(
        answerOf(status, headers, body, performance.now() - started),
      );
      const answer = Object.defineProperties({}, { ...rest, echo: _ }) as Answer;
      resolve(Object.assign(answer, { grpcStatus }));
    });
    stream.setTimeout(call.timeoutMs ?? 10_000, () => stream.destroy(new Error(`no answer to ${path}`)));
    stream.end(call.grpc ? Buffer.alloc(5) : call.body);
  });
  return result.finally(() => session.destroy());
}

/** Opens a TCP or TLS connection, writes `text` and gives the first bytes that come back. Rejects when the connection ends before. */
export async function exchange(
  text: string,
  to: {
    readonly port: number;
    readonly address?: string;
    readonly tls?: ConnectionOptions;
    readonly timeoutMs?: number;
    /** Address to connect from. */
    readonly from?: string;
  },
): Promise<string> {
  return await whileOpening(async () => {
    const socket = openSocket(to);
    try {
      return await firstAnswer(socket, text, to.timeoutMs ?? 10_000);
    } finally {
      socket.destroy();
    }
  });
}

/** Whether nobody listens: at once, for where nobody is expected to open a listener. */
export async function isRefused(to: Parameters<typeof openSocket>[0]): Promise<boolean> {
  const socket = openSocket(to);
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(false));
      socket.once('error', (error) => resolve(Reflect.get(error, 'code') === 'ECONNREFUSED'));
    });
  } finally {
    socket.destroy();
  }
}

/** A raw connection. */
export function openSocket(to: {
  readonly port: number;
  readonly address?: string;
  readonly tls?: ConnectionOptions;
  readonly from?: string;
}): Socket {
  const host = to.address ?? '127.0.0.1';
  const local = to.from ? { localAddress: to.from } : {};
  return to.tls
    ? tlsConnect({ host, port: to.port, rejectUnauthorized: false, ...to.tls })
    : tcpConnect({ host, port: to.port, ...local });
}

function firstAnswer(socket: Socket, text: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed without an answer')));
    socket.setTimeout(timeoutMs, () => reject(new Error(`no bytes within ${timeoutMs} ms`)));
    socket.write(text);
  });
}

/** Everything that comes back until the connection ends or `isWhole` says so; rejects when ten seconds pass without a byte. */
export function untilClosed(
  port: number,
  text: string,
  isWhole: (answer: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = openSocket({ port });
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (isWhole(answer)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.setTimeout(10_000, () => socket.destroy(new Error(`only ${JSON.stringify(answer)} within 10 s`)));
    socket.write(text);
  });
}

/** Opens a WebSocket by hand, sends `text` after the upgrade, and gives the upgrade's status and what came back. */
export async function webSocket(
  path: string,
  call: { readonly port: number; readonly host?: string; readonly address?: string },
  text: string,
): Promise<{ readonly status: number; readonly answer: string }> {
  return await whileOpening(
    () =>
      new Promise<{ readonly status: number; readonly answer: string }>((resolve, reject) => {
        const outgoing = httpRequest({
          host: call.address ?? '127.0.0.1',
          port: call.port,
          path,
          agent: false,
          headers: {
            host: call.host ?? 'echo',
            connection: 'Upgrade',
            upgrade: 'websocket',
            'sec-websocket-version': '13',
            'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          },
        });
        outgoing.on('error', reject);
        outgoing.on('response', (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, answer: '' });
        });
        outgoing.on('upgrade', (response, socket) => {
          socket.once('data', (data) => {
            socket.destroy();
            resolve({ status: response.statusCode ?? 0, answer: data.toString() });
          });
          socket.on('error', reject);
          socket.write(text);
        });
        outgoing.end();
      }),
  );
}

/** Serial of the certificate that a client is shown; rejects when there is none that `ca` vouches for. */
export function shownSerial(port: number, servername: string, ca: string): Promise<string> {
  return whileOpening(
    () =>
      new Promise<string>((resolve, reject) => {
        const socket = tlsConnect({ host: '127.0.0.1', port, servername, ca });
        socket.once('error', reject);
        socket.once('secureConnect', () => {
          resolve(new X509Certificate(socket.getPeerCertificate().raw).serialNumber);
          socket.destroy();
        });
      }),
  );
}

/** Serial of a certificate in PEM. */
export function serialOf({ certificate }: { readonly certificate: string }): string {
  return new X509Certificate(certificate).serialNumber;
}
