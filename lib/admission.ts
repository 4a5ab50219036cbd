// Lets connections in a few at a time: when a mesh comes at once, those that are let in are served in milliseconds and the others wait,
// which costs next to nothing. Begun all together they would all be too late, and everything done for them lost.
import type { Socket } from 'node:net';

/** How connections are let in. */
export interface AdmissionOptions {
  /** In one turn of the event loop, between which those that are in get on. */
  readonly perTurn: number;
  /** Whether there is room now; asked before each. */
  readonly hasRoom: () => boolean;
  /** Takes a connection in; what it has sent is still to be read. */
  readonly admit: (socket: Socket) => void;
}

/** While there is no room, it is asked for again after this. */
const fullMs = 5;

/** Gives the function that takes each new connection. The newest is let in first: the oldest may have given up. */
export function admitInTurn(options: AdmissionOptions): (socket: Socket) => void {
  const { perTurn, hasRoom, admit } = options;
  const waiting = new Set<Socket>();
  let isDue = false;
  const turn = () => {
    isDue = false;
    const newest = [...waiting].slice(-perTurn).reverse();
    for (const socket of newest) {
      if (!hasRoom()) break;
      waiting.delete(socket);
      admit(socket);
    }
    plan(newest.length > 0 && waiting.has(newest.at(-1) as Socket));
  };
  const plan = (isFull: boolean) => {
    if (isDue || waiting.size === 0) return;
    isDue = true;
    if (isFull) setTimeout(turn, fullMs).unref();
    else setImmediate(turn);
  };
  return (socket) => {
    // Who has said nothing waits for nothing: it is let in with its first byte.
    socket.once('readable', () => {
      if (socket.destroyed) return;
      waiting.add(socket);
      plan(false);
    });
    socket.once('close', () => waiting.delete(socket));
  };
}
