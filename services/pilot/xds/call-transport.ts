// Writes an ADS stream's responses to a grpc-js call: obeys its back-pressure and the budget that all streams share.
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Clock } from '../../../lib/clock.ts';
import { type ClientProof, clientProofOf } from './client-proof.ts';
import type { StreamTransport } from './stream-means.ts';
import type { WriteBudget } from './write-budget.ts';

const codes = {
  invalid: status.INVALID_ARGUMENT,
  forbidden: status.PERMISSION_DENIED,
  exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
} as const;

/** See the file's first line. */
export class CallTransport implements StreamTransport {
  readonly peer: string;
  readonly client: ClientProof;
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #budget: WriteBudget;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #wake: () => void;
  #blocked = false;
  #closed = false;
  #unreadBytes = 0;
  /** How much of `#unreadBytes` counts in the budget: all, unless stalled. */
  #budgetedBytes = 0;
  #progressMs: number;
  #stalled = false;

  constructor(options: {
    readonly call: ServerDuplexStream<Buffer, Buffer>;
    readonly budget: WriteBudget;
    readonly clock: Pick<Clock, 'nowMs'>;
    /** Called when writing is possible again. */
    readonly wake: () => void;
  }) {
    this.#call = options.call;
    this.#budget = options.budget;
    this.#clock = options.clock;
    this.#wake = options.wake;
    this.#progressMs = options.clock.nowMs();
    this.peer = options.call.getPeer();
    this.client = clientProofOf(options.call.getAuthContext());
    this.#call.on('drain', () => {
      this.#blocked = false;
      this.#wake();
    });
  }

  /** Handed to the network and not taken by the client yet. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Since when the client has taken nothing. */
  get stalledSinceMs(): number {
    return this.#progressMs;
  }

  canWrite(): boolean {
    return !this.#closed && !this.#blocked && !this.#stalled && this.#budget.hasRoom(this.#wake);
  }

  write(bytes: Buffer): void {
    if (this.#closed) return;
    const size = bytes.length;
    if (this.#unreadBytes === 0) this.#progressMs = this.#clock.nowMs();
    this.#unreadBytes += size;
    this.#budgetedBytes += size;
    this.#budget.take(size);
    if (!this.#call.write(bytes, () => this.#taken(size))) this.#blocked = true;
  }

  end(code: keyof typeof codes, details: string): void {
    if (this.#closed) return;
    this.release();
    // grpc-js turns an error on the call into its status.
    this.#call.emit('error', Object.assign(new Error(details), { code: codes[code], details }));
  }

  /** Answers the client's half-close. */
  finish(): void {
    this.#call.end();
  }

  /** The call is over: nothing counts any more. */
  release(): void {
    this.#closed = true;
    this.#budget.withdraw(this.#wake);
    const bytes = this.#budgetedBytes;
    this.#budgetedBytes = 0;
    this.#unreadBytes = 0;
    this.#budget.give(bytes);
  }

  /** Takes a client that does not read out of the budget, until it reads again. */
  checkStalled(nowMs: number, afterMs: number): boolean {
    if (this.#unreadBytes === 0 || nowMs - this.#progressMs < afterMs) return false;
    this.#stalled = true;
    const bytes = this.#budgetedBytes;
    this.#budgetedBytes = 0;
    this.#budget.give(bytes);
    return true;
  }

  #taken(size: number): void {
    if (this.#closed) return;
    this.#progressMs = this.#clock.nowMs();
    this.#unreadBytes -= size;
    const budgeted = Math.min(size, this.#budgetedBytes);
    this.#budgetedBytes -= budgeted;
    const wasStalled = this.#stalled;
    this.#stalled = false;
    this.#budget.give(budgeted);
    if (wasStalled) this.#wake();
  }
}
