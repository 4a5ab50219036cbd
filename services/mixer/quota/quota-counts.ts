// The counts of one quota handler: one for each combination of dimensions, bounded, with repeated calls answered alike.
import { createHash } from 'node:crypto';
import { QuotaCount, type QuotaLimit } from './quota-count.ts';

/** Bounds of one handler's counts. */
export interface QuotaCountLimits {
  /** Combinations of dimension values that hold something. Clients choose them: beyond it new ones are refused, never old ones forgotten. */
  readonly maxCounts: number;
  /** How long a call with the same id is answered alike, in ms, at least. */
  readonly minDeduplicationMs: number;
  /** Ids that are remembered in that time; beyond it the oldest are forgotten early. */
  readonly maxIds: number;
}

/** What is used where nothing else is said. */
export const defaultQuotaCountLimits: QuotaCountLimits = {
  maxCounts: 100_000, // about 50 MB where each holds a few slots
  minDeduplicationMs: 1_000, // memquota's own default
  maxIds: 100_000, // more than one Mixer answers in a second
};

/** Full counts are looked for empty ones at most this often: it reads all of them. */
const sweepEveryMs = 1_000;

/** What is asked: `key` says of which count. */
export interface QuotaDemand {
  readonly key: string;
  readonly limit: QuotaLimit;
  readonly amount: number;
  readonly bestEffort: boolean;
  readonly deduplicationId: string;
}

/** See the file's first line. */
export class QuotaCounts {
  readonly #limits: QuotaCountLimits;
  readonly #counts = new Map<string, QuotaCount>();
  #answers = new Map<string, number>();
  #olderAnswers = new Map<string, number>();
  #answersSinceMs = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(limits: Partial<QuotaCountLimits> = {}) {
    this.#limits = { ...defaultQuotaCountLimits, ...limits };
  }

  /** What is granted; 0 for nothing. `full`: there is no room to count a new combination. */
  take({ key, limit, amount, bestEffort, deduplicationId }: QuotaDemand, nowMs: number): number | 'full' {
    this.#ageAnswers(nowMs);
    const place = shortKey(key);
    const id = `${place}\0${deduplicationId}`;
    const before = this.#answers.get(id) ?? this.#olderAnswers.get(id);
    if (before !== undefined) return before;
    const count = this.#countOf(place, limit, nowMs);
    if (count === undefined) return 'full';
    const granted = count.take(amount, { bestEffort, nowMs });
    this.#answers.set(id, granted);
    return granted;
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

  /** Two generations: an id is remembered for one to two times the minimum. */
  #ageAnswers(nowMs: number): void {
    const { minDeduplicationMs, maxIds } = this.#limits;
    if (nowMs - this.#answersSinceMs < minDeduplicationMs && this.#answers.size < maxIds) return;
    this.#olderAnswers = this.#answers;
    this.#answers = new Map();
    this.#answersSinceMs = nowMs;
  }
}

/** Clients choose the values: long keys are kept as their digests. */
function shortKey(key: string): string {
  return key.length <= 128 ? key : createHash('sha256').update(key).digest('base64');
}
