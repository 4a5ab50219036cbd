// The lease port: one holder of a name at a time, for work that exactly one process may do. The log's fences make it safe, not the clock.

/** A lease that is held. */
export interface Lease {
  /** Ascends from holder to holder for as long as the store that keeps leases lives. */
  readonly epoch: number;
  /** Aborts when somebody else may have it, as far as this process can know. A paused process learns of it late: hence fences. */
  readonly lost: AbortSignal;
  /** Asks the store whether it is still held. Rejects with MeshError `unavailable` when the store can't say. */
  confirm(): Promise<boolean>;
  /** Gives it up, so that the next need not wait for its time to run out. Never rejects. */
  release(): Promise<void>;
}

/** How to wait for a lease. */
export interface LeaseRequest {
  /** For people: who holds it. */
  readonly holder: string;
  readonly signal: AbortSignal;
  /** Told who has it, each time that is found to be somebody else. */
  readonly onStandby?: (holder: string) => void;
}

/** A lease as people are shown it. */
export interface HeldLease {
  readonly name: string;
  /** Undefined: nobody. */
  readonly holder?: string;
  /** Who waits for it. */
  readonly standby: readonly string[];
}

/** Keeps leases. */
export interface Leases {
  /** Whether getting a lease shows that nobody else has it. */
  readonly exclusive: boolean;
  /** Waits for as long as somebody else holds `name`, or the store is away. Rejects with the signal's reason when it aborts. */
  acquire(name: string, request: LeaseRequest): Promise<Lease>;
  /** Leases of all processes whose names begin with `prefix` and a slash. Rejects with MeshError `unavailable`. Absent where nobody keeps count. */
  readonly list?: (prefix: string) => Promise<readonly HeldLease[]>;
}

/**
 * For logs that several processes share but whose store keeps no leases: whoever came last writes. The fence in the log stops the one
 * before, which then stands by for good.
 */
export function newestWins(): Leases {
  const taken = new Set<string>();
  return {
    exclusive: false,
    acquire: async (name, { signal, onStandby }) => {
      signal.throwIfAborted();
      if (taken.has(name)) {
        onStandby?.('a process that was started later');
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
        );
      }
      taken.add(name);
      return {
        epoch: 0,
        lost: new AbortController().signal,
        confirm: async () => true,
        release: async () => {},
      };
    },
  };
}
