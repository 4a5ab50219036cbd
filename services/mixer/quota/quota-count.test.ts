import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuotaCount, type QuotaLimit } from './quota-count.ts';

const rolling = (maxAmount: number, windowMs: number): QuotaLimit => ({
  ...{ maxAmount, windowMs, algorithm: 'ROLLING_WINDOW' },
});
const strict = (nowMs: number) => ({ bestEffort: false, nowMs });

/** Calls close together, about a window apart, and at any time. */
const callsFor = (windowMs: number) =>
  fc.array(
    fc.record({
      afterMs: fc.oneof(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: windowMs - 40, max: windowMs + 40 }),
        fc.integer({ min: -500, max: 2_500 }),
      ),
      amount: fc.integer({ min: 1, max: 6 }),
      bestEffort: fc.boolean(),
    }),
    { maxLength: 80 },
  );
const cases = fc
  .integer({ min: 1, max: 3_000 })
  .chain((windowMs) => fc.tuple(fc.integer({ min: 0, max: 12 }), fc.constant(windowMs), callsFor(windowMs)));

interface Call {
  readonly afterMs: number;
  readonly amount: number;
  readonly bestEffort: boolean;
}

/** What was granted when, for calls one after another. */
function grantsOf(limit: QuotaLimit, asked: readonly Call[]) {
  const count = new QuotaCount(limit);
  let nowMs = 10_007;
  return asked.map(({ afterMs, amount, bestEffort }) => {
    nowMs = Math.max(0, nowMs + afterMs);
    return { nowMs, granted: count.take(amount, { bestEffort, nowMs }) };
  });
}
const sum = (grants: readonly { readonly granted: number }[]) => grants.reduce((all, { granted }) => all + granted, 0);

describe('QuotaCount', () => {
  it('admits no more than the limit in any rolling window, also when the clock is set back', () => {
    fc.assert(
      fc.property(cases, ([maxAmount, windowMs, asked]) => {
        const grants = grantsOf(rolling(maxAmount, windowMs), asked);
        let latestMs = 0;
        const monotone = grants.map(({ nowMs, granted }) => {
          latestMs = Math.max(latestMs, nowMs);
          return { nowMs: latestMs, granted };
        });
        for (const { nowMs: end } of monotone) {
          const within = monotone.filter(({ nowMs }) => nowMs > end - windowMs && nowMs <= end);
          expect(sum(within)).toBeLessThanOrEqual(maxAmount);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('admits no more than the limit in any fixed window', () => {
    fc.assert(
      fc.property(cases, ([maxAmount, windowMs, asked]) => {
        const forward = asked.map((call) => ({ ...call, afterMs: Math.abs(call.afterMs) }));
        const grants = grantsOf({ maxAmount, windowMs, algorithm: 'FIXED_WINDOW' }, forward);
        const windows = Map.groupBy(grants, ({ nowMs }) => Math.floor(nowMs / windowMs));
        for (const within of windows.values()) expect(sum(within)).toBeLessThanOrEqual(maxAmount);
      }),
    );
  });

  it('admits the whole limit again after a window and a hundredth, whatever was asked before', () => {
    fc.assert(
      fc.property(cases, ([maxAmount, windowMs, asked]) => {
        const count = new QuotaCount(rolling(maxAmount, windowMs));
        let nowMs = 10_007;
        for (const { afterMs, amount, bestEffort } of asked) {
          nowMs += Math.abs(afterMs);
          count.take(amount, { bestEffort, nowMs });
        }
        nowMs += windowMs + 2 * Math.ceil(windowMs / 100);
        expect(count.isEmpty(nowMs)).toBe(true);
        expect(count.take(maxAmount, strict(nowMs))).toBe(maxAmount);
      }),
    );
  });

  it('gives all or nothing, or what is left by best effort', () => {
    const count = new QuotaCount(rolling(5, 1_000));
    expect(count.take(3, strict(0))).toBe(3);
    expect(count.take(3, strict(0))).toBe(0);
    expect(count.take(3, { bestEffort: true, nowMs: 0 })).toBe(2);
    expect(count.take(1, { bestEffort: true, nowMs: 0 })).toBe(0);
  });

  it('rolls: what was taken comes back a window later, not all together', () => {
    const count = new QuotaCount(rolling(2, 1_000));
    expect([0, 500].map((nowMs) => count.take(1, strict(nowMs)))).toEqual([1, 1]);
    expect(count.take(1, strict(999))).toBe(0);
    expect(count.take(2, strict(1_010))).toBe(0);
    expect(count.take(1, strict(1_010))).toBe(1);
    expect(count.take(1, strict(1_011))).toBe(0);
  });

  it('never gives back what was taken without a window', () => {
    const count = new QuotaCount(rolling(1, 0));
    expect(count.take(1, strict(0))).toBe(1);
    expect(count.take(1, strict(1e12))).toBe(0);
    expect(count.isEmpty(1e12)).toBe(false);
  });
});
