// Remembers what moved lately, so that something that comes and goes every second is said at most once a window.
import type { Observed } from './adapter.ts';

/** What happened to a subject between two looks. */
export type Movement = 'added' | 'changed' | 'gone';

/** Mutable; belongs to one runner. A window of 0 ms dampens nothing. */
export class FlapDamper {
  readonly #windowMs: number;
  /** By subject, oldest movement first. */
  readonly #moved = new Map<string, { readonly movedMs: number; readonly saidMs: number }>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * When a movement is to be said: undefined for now, else milliseconds since the epoch. Additions are never held back. A change is
   * said at once unless another one was said less than a window ago; what is gone has to stay so for a window if it moved less than
   * a window ago. Configuration and services change by people's hands, so their changes are said at once.
   */
  dueMs(subject: string, movement: Movement, of: { readonly kind: Observed['kind']; readonly nowMs: number }) {
    const last = this.#moved.get(subject);
    if (this.#windowMs === 0 || movement === 'added' || of.kind === 'config' || last === undefined) return undefined;
    if (movement === 'gone') return of.nowMs - last.movedMs < this.#windowMs ? of.nowMs + this.#windowMs : undefined;
    if (of.kind === 'service') return undefined;
    return of.nowMs - last.saidMs < this.#windowMs ? last.saidMs + this.#windowMs : undefined;
  }

  /** `subject` moved; `said`: and a change of it was said. */
  note(subject: string, nowMs: number, said: boolean): void {
    if (this.#windowMs === 0) return;
    const saidMs = said ? nowMs : (this.#moved.get(subject)?.saidMs ?? Number.NEGATIVE_INFINITY);
    this.#moved.delete(subject);
    this.#moved.set(subject, { movedMs: nowMs, saidMs });
    for (const [oldest, { movedMs }] of this.#moved) {
      if (nowMs - movedMs < this.#windowMs) break;
      this.#moved.delete(oldest);
    }
  }
}
