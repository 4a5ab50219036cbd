import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CountStore } from '../../../events/count-store.ts';
import { MemoryCounts } from '../../../events/logs/memory-counts.ts';
import type { QuotaDemand } from './quota-charge.ts';
import type { QuotaLimit } from './quota-count.ts';
import { SharedQuotaCounts } from './shared-counts.ts';

let ids = 0;
const limitOf = (changes: Partial<QuotaLimit> = {}): QuotaLimit => ({
  ...{ maxAmount: 2, windowMs: 1_000, algorithm: 'ROLLING_WINDOW' },
  ...changes,
});
const demand = (changes: Partial<QuotaDemand> = {}): QuotaDemand => ({
  ...{ key: 'a', limit: limitOf(), amount: 1, bestEffort: false, deduplicationId: String(++ids) },
  ...changes,
});

/** Several Mixers on one store, at one time. */
function mixers(count: number, store?: CountStore) {
  const time = { nowMs: 10_000 };
  const nowMs = () => time.nowMs;
  const shared = store ?? new MemoryCounts(nowMs);
  const all = Array.from({ length: count }, () => new SharedQuotaCounts({ store: shared, handler: 'h', nowMs }));
  const take = async (mixer: number, asked: QuotaDemand, signal?: AbortSignal) => {
    const taken = await all[mixer]?.take(asked, time.nowMs, signal);
    return taken === undefined || taken === 'full' ? taken : taken.granted;
  };
  return { time, take };
}

const cases = fc.record({
  limit: fc.record({
    maxAmount: fc.integer({ min: 0, max: 8 }),
    windowMs: fc.integer({ min: 1, max: 500 }),
    algorithm: fc.constantFrom<QuotaLimit['algorithm']>('ROLLING_WINDOW', 'FIXED_WINDOW'),
  }),
  rounds: fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 300 }),
      calls: fc.array(fc.record({ mixer: fc.integer({ min: 0, max: 2 }), amount: fc.integer({ min: 1, max: 3 }) }), {
        maxLength: 8,
      }),
    }),
    { maxLength: 12 },
  ),
});

describe('SharedQuotaCounts', () => {
  it('admit no more than the limit in any window, whichever Mixers are asked at once', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ limit, rounds }) => {
        const { time, take } = mixers(3);
        const grants: { readonly nowMs: number; readonly granted: number }[] = [];
        for (const { afterMs, calls } of rounds) {
          time.nowMs += afterMs;
          const { nowMs } = time;
          const granted = await Promise.all(calls.map(({ mixer, amount }) => take(mixer, demand({ limit, amount }))));
          grants.push(...granted.map((one) => ({ nowMs, granted: Number(one) })));
        }
        const windowOf = (nowMs: number) => Math.floor(nowMs / limit.windowMs);
        for (const { nowMs: end } of grants) {
          const within = grants.filter(({ nowMs }) =>
            limit.algorithm === 'FIXED_WINDOW'
              ? windowOf(nowMs) === windowOf(end)
              : nowMs > end - limit.windowMs && nowMs <= end,
          );
          expect(within.reduce((sum, { granted }) => sum + granted, 0)).toBeLessThanOrEqual(limit.maxAmount);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('admit all of the limit, also when all Mixers ask at once', async () => {
    const { take } = mixers(3);
    const limit = limitOf({ maxAmount: 30 });
    const granted = await Promise.all(Array.from({ length: 60 }, (_, i) => take(i % 3, demand({ limit }))));
    expect(granted.filter((one) => one === 1)).toHaveLength(30);
  });

  it('refuse what they know to be used up without asking, until something comes back', async () => {
    const inner = new MemoryCounts(() => 0);
    let calls = 0;
    const store: CountStore = {
      read: async (key) => {
        calls++;
        return await inner.read(key);
      },
      write: async (...args) => {
        calls++;
        return await inner.write(...args);
      },
    };
    const { time, take } = mixers(1, store);
    expect([await take(0, demand()), await take(0, demand())]).toEqual([1, 1]);
    const before = calls;
    expect([await take(0, demand()), await take(0, demand())]).toEqual([0, 0]);
    expect(calls).toBe(before);
    time.nowMs += 1_020;
    expect(await take(0, demand())).toBe(1);
    expect(calls).toBeGreaterThan(before);
  });

  it('count one id once, other handlers and limits by themselves, and nothing for who no longer waits', async () => {
    const { take } = mixers(2);
    expect([await take(0, demand({ deduplicationId: 'x' })), await take(0, demand({ deduplicationId: 'x' }))]).toEqual([
      1, 1,
    ]);
    expect(await take(1, demand(), AbortSignal.abort())).toBe(0);
    expect([await take(1, demand()), await take(1, demand())]).toEqual([1, 0]);
    expect(await take(1, demand({ limit: limitOf({ maxAmount: 1 }) }))).toBe(1);
  });

  it('reject while the store is away, and say when it has no room', async () => {
    const away = () => Promise.reject(new Error('away'));
    await expect(mixers(1, { read: away, write: away }).take(0, demand())).rejects.toThrow('away');
    const { take } = mixers(1, new MemoryCounts(() => 0, 0));
    expect(await take(0, demand())).toBe('full');
  });
});
