import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare, type LeaseRequest, type Ledger, renewLease } from './lease-ledger.ts';

const base = { origin: 'any', capacity: 200, nowMs: 0, ttlMs: 15_000 };
/** Renews one after the other, twice round, and gives what each has. */
function rounds(demands: Readonly<Record<string, number>>, ledger: Ledger = [], changes: Partial<LeaseRequest> = {}) {
  let last = ledger;
  for (let round = 0; round < 3; round++)
    for (const [holder, demand] of Object.entries(demands))
      last = renewLease(last, { ...base, holder, demand, ...changes }).ledger;
  return { ledger: last, amounts: Object.fromEntries(last.map(({ holder, amount }) => [holder, amount])) };
}

describe('renewLease', () => {
  it('never leases more than the limit, whoever asks when', () => {
    const request = fc.record({
      holder: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      origin: fc.constantFrom('x', 'y'),
      demand: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
      afterMs: fc.integer({ min: 0, max: 9_000 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.array(request, { maxLength: 60 }), (capacity, requests) => {
        let ledger: Ledger = [];
        let nowMs = 0;
        for (const { holder, origin, demand, afterMs } of requests) {
          nowMs += afterMs;
          ledger = renewLease(ledger, { holder, origin, demand, capacity, nowMs, ttlMs: 15_000 }).ledger;
          const live = ledger.filter(({ untilMs }) => untilMs > nowMs);
          expect(live.reduce((sum, { amount }) => sum + amount, 0)).toBeLessThanOrEqual(capacity);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('gives one holder all, two that need much the half', () => {
    expect(rounds({ a: 1_000 }).amounts).toEqual({ a: 200 });
    expect(rounds({ a: 1_000, b: 900 }).amounts).toEqual({ a: 100, b: 100 });
  });

  it('meets small needs first, and takes back what is not used', () => {
    const busy = rounds({ a: 500, b: 20, c: 500 });
    expect(busy.amounts).toEqual({ a: 90, b: 20, c: 90 });
    const { a = 0, b = 0, c = 0 } = rounds({ a: 10, b: 20, c: 500 }, busy.ledger).amounts;
    expect([a, b, c].map(Math.round)).toEqual([10, 20, 170]);
  });

  it('leaves something to those who come together, and nothing to those who are gone', () => {
    let ledger: Ledger = [];
    const first = ['a', 'b', 'c', 'd'].map((holder) => {
      const renewed = renewLease(ledger, { ...base, holder, demand: undefined });
      ledger = renewed.ledger;
      return renewed.amount;
    });
    expect(first[0]).toBe(200);
    ledger = rounds({ a: 50 }, ledger).ledger;
    expect(renewLease(ledger, { ...base, holder: 'b', demand: 50 }).amount).toBeGreaterThan(0);
    expect(renewLease(ledger, { ...base, holder: 'e', demand: 300, nowMs: 20_000 }).amount).toBe(200);
  });

  it('keeps a lease as it is while little changes', () => {
    const { ledger } = rounds({ a: 100, b: 100 });
    expect(renewLease(ledger, { ...base, holder: 'a', demand: 95 }).amount).toBe(100);
  });

  it('gives who comes from another Mixer the lease of its address, once that lapses', () => {
    const at = (nowMs: number) => ({ ...base, demand: 100, nowMs });
    let ledger: Ledger = [
      { holder: 'one:1', origin: 'one', amount: 100, demand: 100, untilMs: 15_000 },
      { holder: 'two:1', origin: 'two', amount: 100, demand: 100, untilMs: 15_000 },
    ];
    const early = renewLease(ledger, { ...at(3_000), holder: 'one:2', origin: 'one' });
    expect(early.amount).toBe(0);
    ledger = renewLease(early.ledger, { ...at(5_000), holder: 'two:1', origin: 'two' }).ledger;
    const late = renewLease(ledger, { ...at(8_000), holder: 'one:2', origin: 'one' });
    expect(late.amount).toBeGreaterThanOrEqual(100);
    expect(late.ledger.map(({ holder }) => holder).sort()).toEqual(['one:2', 'two:1']);
  });

  it('shares evenly', () => {
    expect(fairShare(50, [], 200)).toBe(200);
    expect(fairShare(50, [50], 200)).toBe(100);
    expect(fairShare(300, [10, 300], 200)).toBe(95);
    expect(fairShare(10, [300, 300], 200)).toBe(10);
  });
});
