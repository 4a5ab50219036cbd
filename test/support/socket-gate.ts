// A gate before a platform's socket: passes bytes through, hangs, or is shut, so that a platform breaks down without being killed.
import { rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

/** Mutable; listens at `path`, or at a free port of 127.0.0.1. */
export class SocketGate {
  readonly #to: NetConnectOpts;
  readonly #at: { readonly path: string } | { port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #hangs = false;

  private constructor(to: NetConnectOpts, path: string | undefined) {
    this.#to = to;
    this.#at = path === undefined ? { port: 0 } : { path };
  }

  /** A gate that is open. */
  static async open(to: NetConnectOpts, path?: string): Promise<SocketGate> {
    const gate = new SocketGate(to, path);
    await gate.reopen();
    return gate;
  }

  /** Its port, if it has one. */
  get port(): number {
    return 'port' in this.#at ? this.#at.port : 0;
  }

  /** Passes again. */
  async reopen(): Promise<void> {
    this.#hangs = false;
    for (const socket of this.#sockets) socket.resume();
    if (this.#server !== undefined) return;
    const server = createServer((socket) => this.#pass(socket));
    if ('path' in this.#at) rmSync(this.#at.path, { force: true });
    const where = 'path' in this.#at ? this.#at : { port: this.#at.port, host: '127.0.0.1' };
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(where, resolve));
    const address = server.address();
    if ('port' in this.#at && typeof address === 'object' && address !== null) this.#at.port = address.port;
    this.#server = server;
  }

  /** Cuts what is open and takes no new connection. */
  shut(): void {
    this.#server?.close();
    this.#server = undefined;
    this.cut();
  }

  /** Cuts what is open, once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Takes connections and passes nothing. */
  hang(): void {
    this.#hangs = true;
    for (const socket of this.#sockets) socket.pause();
  }

  #pass(inner: Socket): void {
    const outer = connect(this.#to);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#hangs) from.pause();
    }
  }
}
