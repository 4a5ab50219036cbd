// Facts that a runner has seen but not said yet, each with the moment at which it will be.
import type { Fact } from './fact.ts';

/** Why a fact waits: its loss was too sudden, or it flaps. */
export type PendingReason = 'held' | 'flapping';

/** What needs no successful look at the platform to be said. */
export const always: ReadonlySet<PendingReason> = new Set(['flapping']);
/** What may be said while the platform can be read. */
export const whenSynced: ReadonlySet<PendingReason> = new Set([...always, 'held']);

/** One waiting fact. */
export interface PendingWrite {
  readonly fact: Fact;
  readonly scope: string;
  readonly reason: PendingReason;
  readonly isGone: boolean;
  /** Milliseconds since the epoch. */
  readonly dueMs: number;
  /** When the platform showed it, RFC 3339. */
  readonly time: string;
}

/** Mutable; belongs to one runner. */
export class PendingWrites {
  readonly #bySubject = new Map<string, PendingWrite>();

  get(subject: string): PendingWrite | undefined {
    return this.#bySubject.get(subject);
  }

  set(write: PendingWrite): void {
    this.#bySubject.set(write.fact.subject, write);
  }

  delete(subject: string): void {
    this.#bySubject.delete(subject);
  }

  all(): readonly PendingWrite[] {
    return [...this.#bySubject.values()];
  }

  of(reason: PendingReason): readonly PendingWrite[] {
    return this.all().filter((write) => write.reason === reason);
  }

  /** Those that are due, in order of their subjects. */
  due(nowMs: number): readonly PendingWrite[] {
    return this.all().filter((write) => write.dueMs <= nowMs);
  }

  /** The earliest moment at which one of them is due; undefined when none of `reasons` waits. */
  nextMs(reasons: ReadonlySet<PendingReason>): number | undefined {
    let next: number | undefined;
    for (const { reason, dueMs } of this.#bySubject.values())
      if (reasons.has(reason) && (next === undefined || dueMs < next)) next = dueMs;
    return next;
  }
}
