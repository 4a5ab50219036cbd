// Room for connections that are being served and have not shown to be useful yet: TLS and HTTP/2 hold some 100 KB for each, so few are let
// in at once, and who does not get on makes room for those that wait.
import type { Socket } from 'node:net';

/** How much room there is. */
export interface RoomLimits {
  /** In it at once. */
  readonly maxInside: number;
  /** Who has been in it for longer makes room when others wait. Time in which this process did not get to run is not counted. */
  readonly turnMs: number;
  /** The same, of an address that has more inside than the one that waits. */
  readonly crowdTurnMs: number;
}

/** What a port uses. */
export const defaultRoomLimits: RoomLimits = {
  maxInside: 512, // some 50 MB; at 2 ms a handshake it takes a crowd in as fast as a core can
  turnMs: 4_000, // who behaves needs milliseconds, over a bad network a second, on a machine with much else to do some
  crowdTurnMs: 500, // who is alone at its address does not wait for another's crowd for long
};

/** Between two looks at the clock no more than this counts: what lies unread in the kernel meanwhile is not the client's fault. */
const mostBetweenLooksMs = 50;

/** See the file's first line. */
export class StrangerRoom {
  readonly #limits: RoomLimits;
  readonly #nowMs: () => number;
  /** By address; in each the oldest first, with the time on this room's clock at which it came in. */
  readonly #inside = new Map<string, Map<Socket, number>>();
  #size = 0;
  #lookedMs: number;
  #clockMs = 0;

  constructor(limits: RoomLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#lookedMs = nowMs();
  }

  /**
   * Lets a connection in if there is room, or if one that is inside gives way, which is then closed: the oldest of the address with most,
   * if its turn is over.
   */
  enter(socket: Socket, address: string): boolean {
    this.#look();
    if (this.#size >= this.#limits.maxInside) {
      const leaving = this.#overdue(address);
      if (!leaving) return false;
      this.leave(leaving.socket, leaving.address);
      leaving.socket.destroy();
    }
    const same = this.#inside.get(address);
    if (same) same.set(socket, this.#clockMs);
    else this.#inside.set(address, new Map([[socket, this.#clockMs]]));
    this.#size++;
    return true;
  }

  /** It has shown to be useful, or is gone. */
  leave(socket: Socket, address: string): void {
    const same = this.#inside.get(address);
    if (!same?.delete(socket)) return;
    this.#size--;
    if (same.size === 0) this.#inside.delete(address);
  }

  /** Of those whose turn is over, one of the address with most inside. */
  #overdue(address: string): { readonly socket: Socket; readonly address: string } | undefined {
    const own = this.#inside.get(address)?.size ?? 0;
    const { turnMs, crowdTurnMs } = this.#limits;
    let found: { readonly socket: Socket; readonly address: string; readonly size: number } | undefined;
    for (const [other, same] of this.#inside) {
      const [oldest] = same;
      if (!oldest || same.size <= (found?.size ?? 0)) continue;
      const mayStayMs = same.size > own + 1 ? crowdTurnMs : turnMs;
      if (this.#clockMs - oldest[1] > mayStayMs) found = { socket: oldest[0], address: other, size: same.size };
    }
    return found;
  }

  #look(): void {
    const now = this.#nowMs();
    this.#clockMs += Math.min(now - this.#lookedMs, mostBetweenLooksMs);
    this.#lookedMs = now;
  }
}
