// What is asked of a quota's counts and what they answer, whoever keeps them; calls that are repeated are answered alike.
import { createHash } from 'node:crypto';
import type { QuotaLeft, QuotaLimit } from './quota-count.ts';

/** What is asked: `key` says of which count. */
export interface QuotaDemand {
  readonly key: string;
  readonly limit: QuotaLimit;
  readonly amount: number;
  readonly bestEffort: boolean;
  readonly deduplicationId: string;
}

/** What was taken (0: nothing), and how the count stands then. `full`: there is no room to count a new combination. */
export type QuotaTaken = ({ readonly granted: number } & QuotaLeft) | 'full';

/** The counts of one quota handler: in this Mixer's memory, or shared by all. May reject where they are shared. */
export interface QuotaCounting {
  take(demand: QuotaDemand, nowMs: number, signal?: AbortSignal): QuotaTaken | Promise<QuotaTaken>;
}

/** How long answers are remembered. */
export interface AnswerLimits {
  /** How long a call with the same id is answered alike, in ms, at least. */
  readonly minDeduplicationMs: number;
  /** Ids that are remembered in that time; beyond it the oldest are forgotten early. */
  readonly maxIds: number;
}

/** What is used where nothing else is said. */
export const defaultAnswerLimits: AnswerLimits = {
  minDeduplicationMs: 1_000, // memquota's own default
  maxIds: 100_000, // more than one Mixer answers in a second
};

/** Answers by id, in two generations: each is remembered for one to two times the minimum. */
export class RememberedAnswers<T> {
  readonly #limits: AnswerLimits;
  #answers = new Map<string, T>();
  #older = new Map<string, T>();
  #sinceMs = 0;

  constructor(limits: AnswerLimits) {
    this.#limits = limits;
  }

  find(id: string, nowMs: number): T | undefined {
    const { minDeduplicationMs, maxIds } = this.#limits;
    if (nowMs - this.#sinceMs >= minDeduplicationMs || this.#answers.size >= maxIds) {
      this.#older = this.#answers;
      this.#answers = new Map();
      this.#sinceMs = nowMs;
    }
    return this.#answers.get(id) ?? this.#older.get(id);
  }

  keep(id: string, answer: T): void {
    this.#answers.set(id, answer);
  }

  forget(id: string): void {
    this.#answers.delete(id);
    this.#older.delete(id);
  }
}

/** A digest of what clients chose, short and fit for any store. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
