import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type { CountStore } from '../../../events/count-store.ts';
import { MemoryCounts } from '../../../events/logs/memory-counts.ts';
import {
  type RateLimitQuotaResponse,
  RateLimitQuotaUsageReports_BucketQuotaUsageSchema as UsageSchema,
} from '../../../gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { PolicyRule } from '../../../mesh/policy/rules.ts';
import { MixerMetrics } from '../metrics.ts';
import { LeaseBook } from './lease-book.ts';
import { LeaseDesk } from './lease-desk.ts';
import { QuotaRules } from './quota-rules.ts';

const id = 'Policy/default/p[0]';
const params = {
  quotas: [
    {
      ...{ name: id, maxAmount: 100, validDuration: '1s' },
      overrides: [{ dimensions: { app: 'web' }, maxAmount: 10, validDuration: '1s' }],
    },
  ],
};
const rule: PolicyRule = {
  ...{ id, resource: { kind: 'Policy', namespace: 'default', name: 'p' }, selector: {}, when: undefined },
  action: {
    ...{ kind: 'quota', mode: 'leased', charges: [{ service: '*', match: [], amount: 1 }] },
    handler: { name: 'p.default', adapter: 'memquota', params, onFailure: 'deny' },
    instance: { name: id, template: 'quota', fields: {} },
  },
};

/** Mixers on one store at one time, and proxies that keep what they were told last. */
function mixers(count: number, inner?: CountStore) {
  const time = { nowMs: 0 };
  const clock = { ...systemClock, nowMs: () => time.nowMs };
  const store = inner ?? new MemoryCounts(() => time.nowMs);
  const desks = Array.from({ length: count }, () => {
    const rules = new QuotaRules();
    rules.use({ rules: [rule] });
    return new LeaseDesk({
      rules,
      clock,
      logger: silentLogger,
      metrics: new MixerMetrics(),
      book: new LeaseBook(store),
    });
  });
  const told = new Map<string, number | string>();
  const sends = new Map<string, (response: RateLimitQuotaResponse) => void>();
  /** The proxy reports how many requests a second it had; undefined: its first. */
  const report = async (
    mixer: number,
    holder: string,
    rate?: number,
    bucket: Record<string, string> = { quota: id },
  ) => {
    const send = sends.get(holder) ?? ((response: RateLimitQuotaResponse) => void told.set(holder, leaseIn(response)));
    sends.set(holder, send);
    const usage = create(UsageSchema, {
      ...{ bucketId: { bucket }, numRequestsAllowed: BigInt((rate ?? 0) * 5) },
      timeElapsed: { seconds: rate === undefined ? 0n : 5n },
    });
    await desks[mixer]?.report({ holder, origin: holder.split(':')[0] ?? '' }, [usage], send);
  };
  return { time, told, report };
}

function leaseIn({ bucketAction: [action] }: RateLimitQuotaResponse): number | string {
  if (action?.bucketAction.case !== 'quotaAssignmentAction') return String(action?.bucketAction.case);
  const strategy = action.bucketAction.value.rateLimitStrategy?.strategy;
  return strategy?.case === 'tokenBucket' ? strategy.value.maxTokens : String(strategy?.case);
}

describe('LeaseDesk', () => {
  it('gives one proxy all, and takes half back for the next at once', async () => {
    const { told, report } = mixers(1);
    await report(0, 'a');
    expect(Object.fromEntries(told)).toEqual({ a: 100 });
    await report(0, 'b');
    expect(Object.fromEntries(told)).toEqual({ a: 50, b: 50 });
    await report(0, 'c', undefined, { quota: id, app: 'web' });
    expect(told.get('c')).toBe(10);
  });

  it('moves what is not used to who needs it, across Mixers, with their reports', async () => {
    const { time, told, report } = mixers(2);
    await report(0, 'a');
    await report(1, 'b');
    for (const [a, b] of [
      [50, 50],
      [10, 300],
      [10, 300],
    ] as const) {
      time.nowMs += 5_000;
      await report(0, 'a', a);
      await report(1, 'b', b);
    }
    expect(Object.fromEntries(told)).toEqual({ a: 10, b: 90 });
  });

  it('leaves a proxy that comes from another Mixer what it has, until that is its own here', async () => {
    const { time, told, report } = mixers(2);
    await report(0, 'a:1');
    await report(0, 'b:1');
    time.nowMs += 4_000;
    await report(0, 'b:1', 80);
    await report(1, 'a:2', 80);
    expect(told.has('a:2')).toBe(false);
    time.nowMs += 5_000;
    await report(1, 'a:2', 80);
    expect(told.get('a:2')).toBe(50);
  });

  it('has proxies forget what no rule leases, and keeps quiet while the store is away', async () => {
    const { told, report } = mixers(1);
    await report(0, 'a', 1, { quota: 'gone' });
    expect(told.get('a')).toBe('abandonAction');
    const away = () => Promise.reject(new Error('away'));
    const lost = mixers(1, { read: away, write: away });
    await lost.report(0, 'a', 1);
    expect(lost.told.size).toBe(0);
  });
});
