// Bounds the connections of a port while nobody knows who they are: their number, their silence and what they may send.
import type { Server, Socket } from 'node:net';
import { defaultRoomLimits, StrangerRoom } from './stranger-room.ts';

/** Bounds of one port. */
export interface ConnectionLimits {
  /** Open at once. One more closes the oldest that has not shown to be useful; if all have, itself. */
  readonly maxConnections: number;
  /** Of one address, open at once. One more closes the address's oldest that has not shown to be useful; if all have, itself. */
  readonly maxPerAddress: number;
  /**
   * Open at once that have not shown to be useful yet: one more closes the oldest of the address that has most of them, so that a crowd
   * of silent ones can't keep others out.
   */
  readonly maxUnproven: number;
  /** A connection that has sent nothing by then is closed. */
  readonly firstByteMs: number;
  /** A connection that has not shown to be useful by then, counted from when it was let in where that is later, is closed. */
  readonly provenMs: number;
  /** What all that have not shown to be useful may have sent together; beyond it those that sent most are closed. */
  readonly maxUnprovenBytes: number;
}

/** What a port uses where nothing else is said. */
export const defaultConnectionLimits: ConnectionLimits = {
  maxConnections: 10_000, // as many as Pilot serves streams; some 400 MB when each is used
  maxPerAddress: 5_000, // half: a whole mesh may be behind one address, and yet leaves room for others
  maxUnproven: 5_000, // as of one address: a whole mesh that connects at once waits to be let in, as bare sockets of some KB
  firstByteMs: 5_000, // clients send with the connection's first packet; a bad network repeats it within 3 s
  provenMs: 30_000, // a first request of 4 MiB over a slow line
  maxUnprovenBytes: 64 * 1024 * 1024, // 16 of the largest first requests at once
};

/** How often what they have sent is added up: at 1 GB/s some 20 MB more than allowed. */
const bytesCheckMs = 20;

/** The bounds at work. */
export interface ConnectionGuard {
  /** Whether a connection may be served now, before it has shown to be useful (stranger-room.ts); if so it counts as let in. */
  letIn(socket: Socket): boolean;
  /** This connection is useful: it sent a whole request. A text names it by its peer, `ADDRESS:PORT`. */
  prove(connection: Socket | string): void;
  /** Closes a connection, named as for `prove`: what it was let in by holds no more, and its client would go on using it. */
  end(peer: string): void;
  /** Open connections. */
  count(): { readonly all: number; readonly unproven: number };
}

interface Stranger {
  readonly socket: Socket;
  readonly address: string;
  /** Closes it. */
  readonly useless: NodeJS.Timeout;
}

/** Connections that have not shown to be useful, by peer and by address, the oldest first. */
class Strangers {
  readonly byPeer = new Map<string, Stranger>();
  readonly room = new StrangerRoom(defaultRoomLimits, () => performance.now());
  readonly #byAddress = new Map<string, Set<Socket>>();

  add(peer: string, stranger: Stranger): void {
    const { socket, address } = stranger;
    this.byPeer.set(peer, stranger);
    const same = this.#byAddress.get(address);
    if (same) same.add(socket);
    else this.#byAddress.set(address, new Set([socket]));
  }

  remove(peer: string): void {
    const known = this.byPeer.get(peer);
    if (!known) return;
    this.byPeer.delete(peer);
    clearTimeout(known.useless);
    this.room.leave(known.socket, known.address);
    const same = this.#byAddress.get(known.address);
    same?.delete(known.socket);
    if (same?.size === 0) this.#byAddress.delete(known.address);
  }

  oldestOf(address: string): Socket | undefined {
    const [oldest] = this.#byAddress.get(address) ?? [];
    return oldest;
  }

  /** The oldest of the address that has most of them: a crowd gives way to others before it makes them give way. */
  get oldestOfMost(): Socket | undefined {
    let most: ReadonlySet<Socket> = new Set();
    for (const same of this.#byAddress.values()) if (same.size > most.size) most = same;
    const [oldest] = most;
    return oldest;
  }
}

/** Watches the connections that `server` accepts from now on. */
export function guardConnections(server: Server, limits: ConnectionLimits = defaultConnectionLimits): ConnectionGuard {
  const strangers = new Strangers();
  const ofAddress = new Map<string, number>();
  const open = new Map<string, Socket>();
  const count = (address: string, by: 1 | -1) => {
    const left = (ofAddress.get(address) ?? 0) + by;
    if (left === 0) ofAddress.delete(address);
    else ofAddress.set(address, left);
  };
  const checkBytes = byteCheck(strangers, limits.maxUnprovenBytes);
  server.on('connection', (socket: Socket) => {
    const [peer, address] = [peerOf(socket), socket.remoteAddress ?? ''];
    const isCrowded = (ofAddress.get(address) ?? 0) >= limits.maxPerAddress;
    if (isCrowded || strangers.byPeer.size >= limits.maxUnproven || open.size >= limits.maxConnections) {
      const oldest = isCrowded ? strangers.oldestOf(address) : strangers.oldestOfMost;
      (oldest ?? socket).destroy();
      if (!oldest) return;
    }
    count(address, 1);
    open.set(peer, socket);
    const isStranger = () => strangers.byPeer.get(peer)?.socket === socket;
    const useless = setTimeout(() => socket.destroy(), limits.provenMs).unref();
    strangers.add(peer, { socket, address, useless });
    checkBytes();
    // Timers come before reading: a loop that was busy for so long has to read first what has come meanwhile.
    const endSilent = () => setImmediate(() => socket.bytesRead === 0 && socket.destroy());
    const silent = setTimeout(endSilent, limits.firstByteMs).unref();
    socket.once('close', () => {
      count(address, -1);
      if (open.get(peer) === socket) open.delete(peer);
      clearTimeout(silent);
      if (isStranger()) strangers.remove(peer);
    });
  });
  return {
    letIn: (socket) => {
      const stranger = strangers.byPeer.get(peerOf(socket));
      const isIn = !stranger || strangers.room.enter(socket, stranger.address);
      if (isIn) stranger?.useless.refresh();
      return isIn;
    },
    prove: (connection) => strangers.remove(typeof connection === 'string' ? connection : peerOf(connection)),
    end: (peer) => void open.get(peer)?.destroy(),
    count: () => ({ all: open.size, unproven: strangers.byPeer.size }),
  };
}

/** Gives the function that starts looking at what strangers have sent together, for as long as there are any. */
function byteCheck({ byPeer }: Strangers, maxBytes: number): () => void {
  let checking: NodeJS.Timeout | undefined;
  const check = () => {
    if (byPeer.size === 0) {
      clearInterval(checking);
      checking = undefined;
      return;
    }
    const sockets = [...byPeer.values()].map(({ socket }) => socket);
    let sum = sockets.reduce((bytes, { bytesRead }) => bytes + bytesRead, 0);
    if (sum <= maxBytes) return;
    for (const socket of sockets.sort((a, b) => b.bytesRead - a.bytesRead)) {
      if (sum <= maxBytes) return;
      sum -= socket.bytesRead;
      socket.destroy();
    }
  };
  return () => {
    checking ??= setInterval(check, bytesCheckMs).unref();
  };
}

/** As grpc names a peer. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
