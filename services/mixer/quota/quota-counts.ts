// The counts of one quota handler in this Mixer's memory: one for each combination of dimensions, bounded, with repeated calls answered alike.
import {
  type AnswerLimits,
  defaultAnswerLimits,
  digestOf,
  type QuotaCounting,
  type QuotaDemand,
  type QuotaTaken,
  RememberedAnswers,
} from './quota-charge.ts';
import { QuotaCount, type QuotaLimit } from './quota-count.ts';

/** Bounds of one handler's counts. */
export interface QuotaCountLimits extends AnswerLimits {
  /** Combinations of dimension values that hold something. Clients choose them: beyond it new ones are refused, never old ones forgotten. */
  readonly maxCounts: number;
}

/** What is used where nothing else is said. */
export const defaultQuotaCountLimits: QuotaCountLimits = {
  ...defaultAnswerLimits,
  maxCounts: 100_000, // about 50 MB where each holds a few slots
};

/** Full counts are looked for empty ones at most this often: it reads all of them. */
const sweepEveryMs = 1_000;

/** See the file's first line. */
export class QuotaCounts implements QuotaCounting {
  readonly #limits: QuotaCountLimits;
  readonly #counts = new Map<string, QuotaCount>();
  readonly #answers: RememberedAnswers<QuotaTaken>;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(limits: Partial<QuotaCountLimits> = {}) {
    this.#limits = { ...defaultQuotaCountLimits, ...limits };
    this.#answers = new RememberedAnswers(this.#limits);
  }

  /** Synchronous. */
  take({ key, limit, amount, bestEffort, deduplicationId }: QuotaDemand, nowMs: number): QuotaTaken {
    const place = shortKey(key);
    const id = `${place}\0${deduplicationId}`;
    const before = this.#answers.find(id, nowMs);
    if (before !== undefined) return before;
    const count = this.#countOf(place, limit, nowMs);
    if (count === undefined) return 'full';
    const granted = count.take(amount, { bestEffort, nowMs });
    const taken = { granted, ...count.left(nowMs) };
    this.#answers.keep(id, taken);
    return taken;
  }

  #countOf(place: string, limit: QuotaLimit, nowMs: number): QuotaCount | undefined {
    const known = this.#counts.get(place);
    if (known !== undefined) return known;
    if (this.#counts.size >= this.#limits.maxCounts) this.#sweep(nowMs);
    if (this.#counts.size >= this.#limits.maxCounts) return undefined;
    const count = new QuotaCount(limit);
    this.#counts.set(place, count);
    return count;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < sweepEveryMs) return;
    this.#sweptMs = nowMs;
    for (const [place, count] of this.#counts) if (count.isEmpty(nowMs)) this.#counts.delete(place);
  }
}

/** Clients choose the values: long keys are kept as their digests. */
function shortKey(key: string): string {
  return key.length <= 128 ? key : digestOf(key);
}
