// Bounds the connections of a port while nobody knows who they are: their number, their silence and what they may send.
import type { Server, Socket } from 'node:net';

/** Bounds of one port. */
export interface ConnectionLimits {
  /** Open at once. One more closes the oldest that has not shown to be useful; if all have, itself. */
  readonly maxConnections: number;
  /** Open at once that have not shown to be useful yet: one more closes the oldest, so that a crowd of silent ones can't keep others out. */
  readonly maxUnproven: number;
  /** A connection that has sent nothing by then is closed. */
  readonly firstByteMs: number;
  /** A connection that has not shown to be useful by then is closed. */
  readonly provenMs: number;
  /** What all that have not shown to be useful may have sent together; beyond it those that sent most are closed. */
  readonly maxUnprovenBytes: number;
}

/** What a port uses where nothing else is said. */
export const defaultConnectionLimits: ConnectionLimits = {
  maxConnections: 10_000, // as many as Pilot serves streams; some 400 MB when each is used
  maxUnproven: 1_000, // a mesh that reconnects at once proves itself in milliseconds each
  firstByteMs: 5_000, // clients send with the connection's first packet; a bad network repeats it within 3 s
  provenMs: 30_000, // a first request of 4 MiB over a slow line
  maxUnprovenBytes: 64 * 1024 * 1024, // 16 of the largest first requests at once
};

/** How often what they have sent is added up: at 1 GB/s some 20 MB more than allowed. */
const bytesCheckMs = 20;

/** The bounds at work. */
export interface ConnectionGuard {
  /** This connection is useful: it sent a whole request. A text names it by its peer, `ADDRESS:PORT`. */
  prove(connection: Socket | string): void;
  /** Open connections. */
  count(): { readonly all: number; readonly unproven: number };
}

/** Watches the connections that `server` accepts from now on. */
export function guardConnections(server: Server, limits: ConnectionLimits = defaultConnectionLimits): ConnectionGuard {
  const unproven = new Map<string, Socket>();
  let all = 0;
  let checking: NodeJS.Timeout | undefined;
  const checkBytes = () => {
    if (unproven.size === 0) {
      clearInterval(checking);
      checking = undefined;
      return;
    }
    let sum = 0;
    for (const { bytesRead } of unproven.values()) sum += bytesRead;
    if (sum <= limits.maxUnprovenBytes) return;
    for (const socket of [...unproven.values()].sort((a, b) => b.bytesRead - a.bytesRead)) {
      if (sum <= limits.maxUnprovenBytes) return;
      sum -= socket.bytesRead;
      socket.destroy();
    }
  };
  server.on('connection', (socket: Socket) => {
    if (unproven.size >= limits.maxUnproven || all >= limits.maxConnections) {
      const [oldest] = unproven.values();
      (oldest ?? socket).destroy();
      if (!oldest) return;
    }
    all++;
    const key = peerOf(socket);
    unproven.set(key, socket);
    checking ??= setInterval(checkBytes, bytesCheckMs).unref();
    const silent = setTimeout(() => socket.bytesRead === 0 && socket.destroy(), limits.firstByteMs).unref();
    const useless = setTimeout(() => unproven.get(key) === socket && socket.destroy(), limits.provenMs).unref();
    socket.once('close', () => {
      all--;
      clearTimeout(silent);
      clearTimeout(useless);
      if (unproven.get(key) === socket) unproven.delete(key);
    });
  });
  return {
    prove: (connection) => void unproven.delete(typeof connection === 'string' ? connection : peerOf(connection)),
    count: () => ({ all, unproven: unproven.size }),
  };
}

/** As grpc names a peer. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
