// Upstream servers for traffic tests: one port that answers HTTP/1.1, HTTP/2, gRPC, WebSocket, CONNECT and plain bytes, one with TLS.
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { KeyPair } from './certificates.ts';

/** What an HTTP request looked like when it arrived; the JSON body of every answer. */
export interface Echo {
  readonly instance: string;
  readonly version: string;
  readonly protocol: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The instance's own address that was called. */
  readonly calledAt: string;
  /** Number of the connection that it came over, counted by the instance. */
  readonly connection: number;
  /** How many requests with the same `x-key` have come to all instances, this one included. */
  readonly attempt: number;
  readonly body: string;
  /** How the instance was called over TLS; absent in plain text. */
  readonly tls?: { readonly sni: string; readonly alpn: string; readonly client: string };
}

/** One running instance. */
export interface EchoServer {
  readonly name: string;
  readonly version: string;
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
  /** Connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/** Requests with an `x-key`, by key, in the order of arrival at any instance. */
export type Journal = Map<string, Echo[]>;

/**
 * Starts one. Requests tell it what to do: `x-delay-ms`, `x-status` (answer with it), `x-fail: N` (only the first N requests of the
 * `x-key` get `x-status`, 503 if it has none), `x-only: NAME` (only that instance does these), `x-reset` (drop the connection). A gRPC
 * request with `x-grpc-only` fails with that status and nothing else, one with `x-stream` is answered message by message as they come.
 */
export async function startEchoServer(options: {
  readonly name: string;
  readonly version: string;
  readonly address: string;
  readonly journal: Journal;
  readonly certificate: KeyPair;
  /** CA whose client certificates are named in the echo. */
  readonly ca: string;
}): Promise<EchoServer> {
  const { name, version, address, certificate, ca } = options;
  const connections = new Connections();
  const http1 = createHttpServer((request, response) => void answer(options, connections, request, response));
  const http2 = createHttp2Server((request, response) => {
    void answer(options, connections, request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  http1.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.on('data', (data) => socket.write(`${name} ${String(data)}`));
  });
  http1.on('connect', (request, socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.on('data', (data) => socket.write(`${name} via ${request.url} ${String(data)}`));
  });
  http1.keepAliveTimeout = 120_000;
  const accept = (socket: Socket) => byProtocol(socket, { name, http1, http2 });
  const plain = createTcpServer((socket) => {
    connections.add(socket);
    accept(socket);
  });
  const secure = createTlsServer(
    {
      key: certificate.key,
      cert: certificate.certificate,
      ca,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    },
    (socket) => {
      connections.add(socket);
      accept(socket);
    },
  );
  secure.on('tlsClientError', () => {});
  const port = await listen(plain, address);
  const tlsPort = await listen(secure, address);
  return {
    name,
    version,
    address,
    port,
    tlsPort,
    open: () => connections.open,
    stop: async () => {
      connections.destroyAll();
      await Promise.all([plain, secure].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** Numbers connections and knows the open ones. */
class Connections {
  readonly #numbers = new Map<string, number>();
  readonly #open = new Set<Socket>();
  #count = 0;

  add(socket: Socket): void {
    this.#open.add(socket);
    this.#numbers.set(key(socket), ++this.#count);
    socket.on('error', () => {});
    socket.once('close', () => this.#open.delete(socket));
  }
  number(socket: Socket | undefined): number {
    return (socket && this.#numbers.get(key(socket))) ?? 0;
  }
  get open(): number {
    return this.#open.size;
  }
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

function key({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress}:${remotePort}>${localPort}`;
}

/** Reads the first bytes and hands the connection to who understands them. */
function byProtocol(
  socket: Socket | TLSSocket,
  to: { readonly name: string; readonly http1: Server; readonly http2: Http2Server },
): void {
  socket.on('error', () => {});
  const decide = () => {
    const first: Buffer | null = socket.read();
    if (first === null) return;
    socket.off('readable', decide);
    const text = first.toString('latin1');
    const isHttp2 = text.startsWith('PRI * HTTP/2');
    if (isHttp2 || /^[A-Z]+ \S+ HTTP\/1/.test(text)) {
      socket.unshift(first);
      (isHttp2 ? to.http2 : to.http1).emit('connection', socket);
      return;
    }
    const echo = (data: Buffer) => socket.write(`${to.name} ${data.toString('latin1')}`, 'latin1');
    echo(first);
    socket.on('data', echo);
  };
  socket.on('readable', decide);
}

async function answer(
  options: { readonly name: string; readonly version: string; readonly journal: Journal },
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => {});
  if (request.headers['x-stream'] !== undefined) return streamGrpc(request, response as unknown as Http2ServerResponse);
  const body = await bodyOf(request).catch(() => '');
  const echo = echoOf(options, connections, request, body);
  const one = echo.headers;
  const key = one['x-key'];
  const seen = key === undefined ? [] : (options.journal.get(key) ?? []);
  if (key !== undefined) options.journal.set(key, seen);
  const told: Echo = { ...echo, attempt: seen.length + 1 };
  seen.push(told);
  const isMeant = one['x-only'] === undefined || one['x-only'] === options.name;
  const fails = isMeant && (one['x-fail'] === undefined || told.attempt <= Number(one['x-fail']));
  if (one['x-delay-ms'] && fails) await new Promise((resolve) => setTimeout(resolve, Number(one['x-delay-ms'])));
  if (one['x-reset'] && fails) return void request.socket.destroy();
  const asked = one['x-status'] ?? (one['x-fail'] === undefined ? '200' : '503');
  if (one['content-type']?.startsWith('application/grpc')) {
    if (fails && one['x-grpc-only'] !== undefined)
      return refuseGrpc(response as unknown as Http2ServerResponse, one['x-grpc-only']);
    return answerGrpc(response as unknown as Http2ServerResponse, told, fails ? (one['x-grpc-status'] ?? '0') : '0');
  }
  const extra = one['x-answer'] ? (JSON.parse(one['x-answer']) as Record<string, string>) : {};
  response.writeHead(fails ? Number(asked) : 200, {
    'content-type': 'application/json',
    'x-upstream': options.name,
    ...extra,
  });
  response.end(JSON.stringify(told));
}

/** The status alone ("Trailers-Only"), which is what proxies can retry. */
function refuseGrpc(response: Http2ServerResponse, status: string): void {
  response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': status });
  response.end();
}

/** Gives every byte back while the request goes on, and the status when it ends. */
function streamGrpc(request: IncomingMessage, response: Http2ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/grpc' });
  request.on('data', (data: Buffer) => response.write(data));
  request.on('end', () => {
    response.addTrailers({ 'grpc-status': '0', 'grpc-message': 'done' });
    response.end();
  });
}

/** A length-prefixed message (gRPC over HTTP/2, "Length-Prefixed-Message") with the echo, and the status as trailer. */
function answerGrpc(response: Http2ServerResponse, echo: Echo, status: string): void {
  const message = Buffer.from(JSON.stringify(echo));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  response.writeHead(200, { 'content-type': 'application/grpc' });
  response.addTrailers({ 'grpc-status': status });
  response.end(Buffer.concat([prefix, message]));
}

function echoOf(
  { name, version }: { readonly name: string; readonly version: string },
  connections: Connections,
  request: IncomingMessage,
  body: string,
): Echo {
  const headers = Object.fromEntries(
    Object.entries(request.headers)
      .filter(([header]) => !header.startsWith(':'))
      .map(([header, value]) => [header, String(value)]),
  );
  // The compatibility layer of HTTP/2 gives a proxy of the socket: no `instanceof` here.
  const socket = request.socket as TLSSocket;
  const tls = socket.encrypted
    ? {
        sni: String(Reflect.get(socket, 'servername') || ''),
        alpn: String(socket.alpnProtocol || ''),
        client: String(socket.getPeerCertificate().subject?.CN ?? ''),
      }
    : undefined;
  return {
    instance: name,
    version,
    protocol: request.httpVersion,
    method: request.method ?? '',
    path: request.url ?? '',
    host: String(request.headers[':authority'] ?? request.headers.host ?? ''),
    headers,
    calledAt: socket.localAddress ?? '',
    connection: connections.number(socket),
    attempt: 1,
    body,
    ...(tls && { tls }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

function listen(server: ReturnType<typeof createTcpServer>, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port));
  });
}
