// Counts what was taken of one quota: at most its limit in any window, whatever the order of the calls.

/** How much may be taken in how long. */
export interface QuotaLimit {
  readonly maxAmount: number;
  /** 0: what is taken never comes back. */
  readonly windowMs: number;
  /** ROLLING_WINDOW: any stretch of `windowMs`; FIXED_WINDOW: from one multiple of `windowMs` since the epoch to the next. */
  readonly algorithm: 'FIXED_WINDOW' | 'ROLLING_WINDOW';
}

/** Of a rolling window: at most 102 numbers a count, and what was taken comes back at most a hundredth of the window late. */
const slotsOfWindow = 100;

/** What was taken within one slot of time. */
interface Taken {
  readonly slot: number;
  readonly amount: number;
}

/** A count as data: the newest slot it knows, and what was taken how many slots before it. */
export interface QuotaState {
  readonly slot: number;
  readonly taken: readonly (readonly [age: number, amount: number])[];
}

/** What is left after something was asked for, and how long until more is: 0 where all is there. */
export interface QuotaLeft {
  readonly left: number;
  readonly resetMs: number;
}

/** See the file's first line. Times come from its callers; one that is earlier than the last counts as the last. */
export class QuotaCount {
  readonly #limit: QuotaLimit;
  readonly #slotMs: number;
  /** How many slots after its own something taken still counts. */
  readonly #heldSlots: number;
  #taken: Taken[] = [];
  #total = 0;
  #slot = 0;

  constructor(limit: QuotaLimit, state?: QuotaState) {
    this.#limit = limit;
    const { windowMs, algorithm } = limit;
    const rolls = algorithm === 'ROLLING_WINDOW';
    this.#slotMs = Math.max(1, rolls ? Math.ceil(windowMs / slotsOfWindow) : windowMs);
    // A whole window after the end of its slot: not a moment early.
    this.#heldSlots = rolls ? Math.ceil(windowMs / this.#slotMs) : 0;
    if (state === undefined) return;
    this.#slot = state.slot;
    this.#taken = state.taken.map(([age, amount]) => ({ slot: state.slot - age, amount }));
    this.#total = this.#taken.reduce((sum, { amount }) => sum + amount, 0);
  }

  /** All that another count of the same limit needs to go on from here. */
  state(): QuotaState {
    return { slot: this.#slot, taken: this.#taken.map(({ slot, amount }) => [this.#slot - slot, amount]) };
  }

  /** See `QuotaLeft`. */
  left(nowMs: number): QuotaLeft {
    this.#release(nowMs);
    const left = Math.max(0, this.#limit.maxAmount - this.#total);
    const [first] = this.#taken;
    if (first === undefined || this.#limit.windowMs === 0) return { left, resetMs: 0 };
    const endMs = (first.slot + this.#heldSlots + 1) * this.#slotMs;
    // Where another's clock is ahead, its slots are not over before they are here.
    return { left, resetMs: Math.max(0, endMs - Math.min(nowMs, (this.#slot + 1) * this.#slotMs)) };
  }

  /** Takes `amount`, or with `bestEffort` what is left of it; gives what was taken, 0 for nothing. */
  take(amount: number, { bestEffort, nowMs }: { readonly bestEffort: boolean; readonly nowMs: number }): number {
    this.#release(nowMs);
    const left = Math.max(0, this.#limit.maxAmount - this.#total);
    const granted = amount <= left ? amount : bestEffort ? left : 0;
    if (granted === 0) return 0;
    const last = this.#taken.at(-1);
    if (last?.slot === this.#slot)
      this.#taken[this.#taken.length - 1] = { slot: last.slot, amount: last.amount + granted };
    else this.#taken.push({ slot: this.#slot, amount: granted });
    this.#total += granted;
    return granted;
  }

  /** Whether nothing is held: then a new count says the same. */
  isEmpty(nowMs: number): boolean {
    this.#release(nowMs);
    return this.#total === 0;
  }

  #release(nowMs: number): void {
    if (this.#limit.windowMs === 0) return;
    this.#slot = Math.max(this.#slot, Math.floor(nowMs / this.#slotMs));
    const oldest = this.#slot - this.#heldSlots;
    let first = this.#taken[0];
    while (first !== undefined && first.slot < oldest) {
      this.#total -= first.amount;
      this.#taken.shift();
      first = this.#taken[0];
    }
  }
}
