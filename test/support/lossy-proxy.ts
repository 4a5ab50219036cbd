// A TCP proxy that can lose the answers of the server behind it, as a network that breaks at the wrong moment does.
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net';

/** Forwards bytes both ways until it is told to lose what comes back. */
export class LossyProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<readonly [Socket, Socket]>;
  /** While true, what the server answers is dropped. */
  losing = false;
  /** The next answer breaks its connection after its first half. */
  tearing = false;

  private constructor(server: Server, pairs: Set<readonly [Socket, Socket]>) {
    this.#server = server;
    this.#pairs = pairs;
    const address = server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
  }

  /** Listens on 127.0.0.1 in front of `target`, another port there. */
  static async start(target: number): Promise<LossyProxy> {
    const pairs = new Set<readonly [Socket, Socket]>();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new LossyProxy(server, pairs);
    server.on('connection', (client) => {
      const upstream = connectTo(target, '127.0.0.1');
      const pair = [client, upstream] as const;
      pairs.add(pair);
      client.on('data', (chunk) => upstream.write(chunk));
      upstream.on('data', (chunk) => {
        if (proxy.losing) return;
        if (!proxy.tearing) client.write(chunk);
        else {
          proxy.tearing = false;
          client.write(chunk.subarray(0, chunk.length / 2), () => client.destroy());
        }
      });
      const end = () => {
        pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      };
      for (const socket of pair) socket.on('error', end).on('close', end);
    });
    return proxy;
  }

  /** Breaks every connection. */
  cut(): void {
    for (const pair of [...this.#pairs]) for (const socket of pair) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
