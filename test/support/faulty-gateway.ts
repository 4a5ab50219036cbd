// An HTTP gateway before a real API server that answers as ailing ones do: lists that are empty, half or torn, refusals, slowness, silence.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestKube } from './kube.ts';

/** How requests are answered. Watches that are open go on unless they are cut. */
export type Ailment =
  | 'none'
  /** Lists are empty, as of now. */
  | 'empty'
  /** Lists lack every second object. */
  | 'half'
  /** Lists break off in the middle. */
  | 'torn'
  /** Nothing is ever answered. */
  | 'silent'
  /** In about twenty pieces, with pauses. */
  | 'slow'
  /** Refused with this status. */
  | number;

/** See the file's first line. */
export class FaultyGateway {
  readonly port: number;
  readonly #kube: TestKube;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  ailment: Ailment = 'none';
  /** Requests so far, path with query. */
  readonly requests: string[] = [];
  /** Paths whose next watch is answered 410 Gone. */
  readonly #forgotten = new Set<string>();

  private constructor(kube: TestKube, server: Server) {
    this.#kube = kube;
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
  }

  /** Listens on 127.0.0.1. */
  static async start(kube: TestKube): Promise<FaultyGateway> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const gateway = new FaultyGateway(kube, server);
    server.on('connection', (socket) => {
      gateway.#sockets.add(socket);
      socket.on('close', () => gateway.#sockets.delete(socket)).on('error', () => {});
    });
    server.on('request', (incoming, response) => gateway.#answer(incoming, response));
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection, and has everything listed anew that is being watched. */
  relist(): void {
    for (const url of this.requests) if (url.includes('watch=')) this.#forgotten.add(pathOf(url));
    this.#cut();
  }

  async stop(): Promise<void> {
    this.#cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const { ailment } = this;
    const { url = '' } = incoming;
    this.requests.push(url);
    if (ailment === 'silent') return;
    const isForgotten = url.includes('watch=') && this.#forgotten.delete(pathOf(url));
    if (typeof ailment === 'number' || isForgotten) {
      const code = typeof ailment === 'number' ? ailment : 410;
      const body = { kind: 'Status', status: 'Failure', message: 'the test says so', code };
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const upstream = request(
      {
        ...{ host: '127.0.0.1', port: this.#kube.port, ca: this.#kube.authority, agent: false },
        ...{
          method: incoming.method,
          path: incoming.url,
          headers: { ...incoming.headers, host: `127.0.0.1:${this.#kube.port}` },
        },
      },
      (answer) => void this.#pass(answer, response, url).catch(() => response.destroy()),
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }

  async #pass(answer: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    const { ailment } = this;
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, headers);
    if (url.includes('watch=') || ailment === 'none') {
      response.flushHeaders();
      for await (const chunk of answer) response.write(chunk);
      response.end();
      return;
    }
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    if (ailment === 'slow') {
      const piece = Math.ceil(text.length / 20) + 1;
      for (let at = 0; at < text.length && !response.destroyed; at += piece) {
        response.write(text.slice(at, at + piece));
        await sleep(5);
      }
      response.end();
      return;
    }
    const list = JSON.parse(text.startsWith('{') ? text : '{}') as { kind?: string; items?: unknown[] };
    if (!list.kind?.endsWith('List') || list.kind === 'APIGroupDiscoveryList') response.end(text);
    else if (ailment === 'torn') response.write(text.slice(0, text.length / 2), () => response.destroy());
    else {
      const items = ailment === 'empty' ? [] : list.items?.filter((_item, index) => index % 2 === 0);
      response.end(JSON.stringify({ ...list, items }));
    }
  }
}

const pathOf = (url: string) => url.split('?')[0] ?? url;
