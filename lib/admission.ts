// Lets connections in a few at a time: when a mesh comes at once, those that are let in are served in milliseconds and the others wait,
// which costs next to nothing. Begun all together they would all be too late, and everything done for them lost.
import type { Socket } from 'node:net';

/** How connections are let in. */
export interface AdmissionOptions {
  /** In one turn of the event loop, between which those that are in get on. */
  readonly perTurn: number;
  /** Whether there is room for this one now; asked right before it is let in. */
  readonly hasRoom: (socket: Socket) => boolean;
  /** Takes a connection in; what it has sent is still to be read. */
  readonly admit: (socket: Socket) => void;
}

/** While there is no room, it is asked for again after this. */
const fullMs = 5;

/**
 * Gives the function that takes each new connection. Addresses take turns, so that none waits for another's crowd; of one address the
 * newest is let in first: the oldest may have given up.
 */
export function admitInTurn(options: AdmissionOptions): (socket: Socket) => void {
  const { perTurn, hasRoom, admit } = options;
  const waiting = new WaitingSockets();
  let isDue = false;
  const turn = () => {
    isDue = false;
    // An address whose next found no room has nobody let in before the next turn; others may have room of their own.
    const full = new Set<string>();
    for (let admitted = 0; admitted < perTurn; ) {
      const next = waiting.next(full);
      if (!next) break;
      if (hasRoom(next.socket)) {
        waiting.remove(next.address, next.socket);
        admit(next.socket);
        admitted++;
      } else full.add(next.address);
    }
    plan(full.size > 0);
  };
  const plan = (isFull: boolean) => {
    if (isDue || waiting.size === 0) return;
    isDue = true;
    if (isFull) setTimeout(turn, fullMs).unref();
    else setImmediate(turn);
  };
  return (socket) => {
    const address = socket.remoteAddress ?? '';
    // Who has said nothing waits for nothing: it is let in with its first byte.
    socket.once('readable', () => {
      if (socket.destroyed) return;
      waiting.add(address, socket);
      plan(false);
    });
    socket.once('close', () => waiting.remove(address, socket));
  };
}

/** Connections that wait, by address; the address that had its turn longest ago is first. */
class WaitingSockets {
  readonly #byAddress = new Map<string, Socket[]>();
  size = 0;

  add(address: string, socket: Socket): void {
    const same = this.#byAddress.get(address);
    if (same) same.push(socket);
    else this.#byAddress.set(address, [socket]);
    this.size++;
  }

  /** The newest of the address whose turn it is, `except` those; the address goes to the end of the line. */
  next(except: ReadonlySet<string>): { readonly address: string; readonly socket: Socket } | undefined {
    for (const [address, same] of this.#byAddress) {
      const socket = same.at(-1);
      if (except.has(address) || !socket) continue;
      this.#byAddress.delete(address);
      this.#byAddress.set(address, same);
      return { address, socket };
    }
    return undefined;
  }

  remove(address: string, socket: Socket): void {
    const same = this.#byAddress.get(address);
    const at = same?.lastIndexOf(socket) ?? -1;
    if (!same || at < 0) return;
    same.splice(at, 1);
    this.size--;
    if (same.length === 0) this.#byAddress.delete(address);
  }
}
