import { describe, expect, it } from 'vitest';
import type { QuotaDemand } from './quota-charge.ts';
import { QuotaCounts } from './quota-counts.ts';

let ids = 0;
const demand = (key: string, changes: Partial<QuotaDemand> = {}): QuotaDemand => ({
  key,
  limit: { maxAmount: 2, windowMs: 1_000, algorithm: 'ROLLING_WINDOW' },
  ...{ amount: 1, bestEffort: false, deduplicationId: String(++ids) },
  ...changes,
});

const granted = (counts: QuotaCounts, asked: QuotaDemand, nowMs: number) => {
  const taken = counts.take(asked, nowMs);
  return taken === 'full' ? taken : taken.granted;
};

describe('QuotaCounts', () => {
  it('counts each key by itself, long ones too', () => {
    const counts = new QuotaCounts();
    for (const key of ['a', 'b', `${'x'.repeat(500)}1`, `${'x'.repeat(500)}2`])
      expect(
        [1, 2, 3].map(() => granted(counts, demand(key), 0)),
        key.slice(-3),
      ).toEqual([1, 1, 0]);
  });

  it('answers the same id alike and counts it once, as long as it has to', () => {
    const counts = new QuotaCounts({ minDeduplicationMs: 100 });
    const one = demand('a', { deduplicationId: 'one' });
    expect([0, 50, 100].map((nowMs) => granted(counts, one, nowMs))).toEqual([1, 1, 1]);
    expect(granted(counts, demand('a'), 100)).toBe(1);
    expect(granted(counts, demand('a'), 100)).toBe(0);
    expect(granted(counts, { ...one, key: 'b' }, 100)).toBe(1);
    expect(granted(counts, one, 10_000)).toBe(1);
    expect(granted(counts, demand('a'), 10_000)).toBe(1);
    expect(granted(counts, demand('a'), 10_000)).toBe(0);
  });

  it('refuses new keys when it is full of counts that hold something, and makes room as they end', () => {
    const counts = new QuotaCounts({ maxCounts: 2 });
    expect(['a', 'b', 'c'].map((key) => granted(counts, demand(key), 0))).toEqual([1, 1, 'full']);
    expect(granted(counts, demand('a'), 500)).toBe(1);
    expect(granted(counts, demand('c'), 1_100)).toBe(1);
    expect(granted(counts, demand('a'), 1_100)).toBe(1);
    expect(granted(counts, demand('a'), 1_100)).toBe(0);
  });
});
