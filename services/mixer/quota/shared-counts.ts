// The counts of one quota handler, shared by several Mixers: each charge is a conditional write to the store that all of them use.
import type { CountStore } from '../../../events/count-store.ts';
import {
  type AnswerLimits,
  defaultAnswerLimits,
  digestOf,
  type QuotaCounting,
  type QuotaDemand,
  type QuotaTaken,
  RememberedAnswers,
} from './quota-charge.ts';
import { QuotaCount, type QuotaLimit, type QuotaState } from './quota-count.ts';

/** Counts whose newest state is remembered: about 5 MB. Any may be forgotten, the store has them. */
const maxRemembered = 10_000;

interface Waiting {
  readonly demand: QuotaDemand;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (taken: QuotaTaken) => void;
  readonly reject: (error: unknown) => void;
}

/** What is known of one count. */
interface Known {
  readonly state: QuotaState | undefined;
  readonly revision: number;
}

interface Entry {
  readonly key: string;
  readonly limit: QuotaLimit;
  /** The newest that this Mixer has seen: others may have taken more since. */
  last: QuotaState | undefined;
  /** What the next write is made from; undefined: to be read. */
  known: Known | undefined;
  waiting: Waiting[];
  writing: boolean;
}

/** What sharing takes. */
export interface SharedCountsOptions {
  readonly store: CountStore;
  /** Of the handler: others' counts are not its own. */
  readonly handler: string;
  readonly nowMs: () => number;
  readonly answers?: Partial<AnswerLimits>;
}

/**
 * See the file's first line. Charges that come while one is being written are written together after it. What is used up is refused without asking:
 * others only take more, and what is known says when something comes back. Mixers' clocks decide when: the one ahead counts.
 */
export class SharedQuotaCounts implements QuotaCounting {
  readonly #options: SharedCountsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #answers: RememberedAnswers<Promise<QuotaTaken>>;

  constructor(options: SharedCountsOptions) {
    this.#options = options;
    this.#answers = new RememberedAnswers({ ...defaultAnswerLimits, ...options.answers });
  }

  /** Rejects with MeshError `unavailable` when the store is away. */
  take(demand: QuotaDemand, nowMs: number, signal?: AbortSignal): Promise<QuotaTaken> {
    const { key, limit, deduplicationId } = demand;
    const { maxAmount, windowMs, algorithm } = limit;
    // Another limit counts anew: its slots are of another length.
    const place = digestOf(JSON.stringify([this.#options.handler, maxAmount, windowMs, algorithm, key]));
    const id = `${place}\0${deduplicationId}`;
    const before = this.#answers.find(id, nowMs);
    if (before !== undefined) return before;
    const answer = this.#take(this.#entryOf(place, limit), demand, signal);
    this.#answers.keep(id, answer);
    // What failed may be asked again.
    answer.catch(() => this.#answers.forget(id));
    return answer;
  }

  #take(entry: Entry, demand: QuotaDemand, signal: AbortSignal | undefined): Promise<QuotaTaken> {
    const refusal = this.#refusal(entry, demand);
    if (refusal !== undefined) return Promise.resolve(refusal);
    return new Promise((resolve, reject) => {
      entry.waiting.push({ demand, signal, resolve, reject });
      if (!entry.writing) void this.#writeAll(entry);
    });
  }

  #refusal({ last, limit }: Entry, { amount, bestEffort }: QuotaDemand): QuotaTaken | undefined {
    if (last === undefined) return undefined;
    const left = new QuotaCount(limit, last).left(this.#options.nowMs());
    return left.left < (bestEffort ? 1 : amount) ? { granted: 0, ...left } : undefined;
  }

  async #writeAll(entry: Entry): Promise<void> {
    entry.writing = true;
    while (entry.waiting.length > 0) {
      const batch = entry.waiting.splice(0);
      try {
        await this.#write(entry, batch);
      } catch (error) {
        entry.known = undefined;
        for (const { reject } of batch) reject(error);
      }
    }
    entry.writing = false;
  }

  /** Until it is this Mixer's turn: at each conflict another one's charges were written. Who is refused by what was read need not wait for that. */
  async #write(entry: Entry, batch: Waiting[]): Promise<void> {
    const { store } = this.#options;
    const { key, limit } = entry;
    for (;;) {
      entry.known ??= await this.#read(key);
      entry.last = entry.known.state;
      batch.push(...entry.waiting.splice(0));
      const { state, revision } = entry.known;
      const count = new QuotaCount(limit, state);
      const granted = this.#grant(batch, count);
      if (granted.length === 0) return;
      const keepMs = limit.windowMs === 0 ? undefined : 2 * limit.windowMs;
      const written = await store.write(key, JSON.stringify(count.state()), { revision, keepMs });
      if (typeof written === 'number') entry.known = { state: (entry.last = count.state()), revision: written };
      else entry.known = undefined;
      if (written === 'conflict') continue;
      for (const { resolve, taken } of granted) resolve(written === 'full' ? 'full' : taken);
      return;
    }
  }

  /** Answers those that get nothing and takes them out of the batch; gives the others with what they get once that is written. */
  #grant(batch: Waiting[], count: QuotaCount) {
    const nowMs = this.#options.nowMs();
    const outcomes = batch.splice(0).map((one) => ({ one, resolve: one.resolve, taken: takeFor(one, count, nowMs) }));
    const granted = outcomes.filter(({ taken }) => taken.granted > 0);
    for (const { resolve, taken } of outcomes) if (taken.granted === 0) resolve(taken);
    batch.push(...granted.map(({ one }) => one));
    return granted;
  }

  async #read(key: string): Promise<Known> {
    const stored = await this.#options.store.read(key);
    if (stored === undefined) return { state: undefined, revision: 0 };
    return { state: JSON.parse(stored.value) as QuotaState, revision: stored.revision };
  }

  #entryOf(key: string, limit: QuotaLimit): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= maxRemembered) this.#forgetOldest();
    const entry: Entry = { key, limit, last: undefined, known: undefined, waiting: [], writing: false };
    this.#entries.set(key, entry);
    return entry;
  }

  #forgetOldest(): void {
    for (const [key, { writing }] of this.#entries) {
      if (writing) continue;
      this.#entries.delete(key);
      return;
    }
  }
}

/** Nobody waits any longer for what was given up: nothing is taken for it. */
function takeFor({ demand, signal }: Waiting, count: QuotaCount, nowMs: number) {
  const { amount, bestEffort } = demand;
  const granted = signal?.aborted ? 0 : count.take(amount, { bestEffort, nowMs });
  return { granted, ...count.left(nowMs) };
}
