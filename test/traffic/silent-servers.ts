// Upstreams that take connections and then keep quiet: what timeouts and keepalive settings are for.
import { createServer, type Socket } from 'node:net';

/** Where one listens until it is stopped. */
export interface SilentServer {
  stop(): Promise<void>;
}

/** Frames of RFC 9113, 4.1: nine bytes of header and no payload; type 4 is SETTINGS, flag 1 its acknowledgement. */
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const settingsAcknowledged = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);

/** Takes connections and never sends a byte. */
export function startMute(address: string, port: number): Promise<SilentServer> {
  return start(address, port, () => {});
}

/** Opens HTTP/2 as it should and answers nothing after that, not even pings. */
export function startDeafHttp2(address: string, port: number): Promise<SilentServer> {
  return start(address, port, (socket) => {
    socket.write(settings);
    socket.once('data', () => socket.write(settingsAcknowledged));
  });
}

function start(address: string, port: number, greet: (socket: Socket) => void): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
    greet(socket);
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve({ stop }));
  });
}
