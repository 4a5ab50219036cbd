// Leases quotas to the proxies that stream to this Mixer: each report renews a lease, and others give back when somebody lacks.
import { create } from '@bufbuild/protobuf';
import {
  type RateLimitQuotaResponse,
  RateLimitQuotaResponse_BucketActionSchema,
  RateLimitQuotaResponseSchema,
  type RateLimitQuotaUsageReports_BucketQuotaUsage as Usage,
} from '../../../gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js';
import { RateLimitStrategy_BlanketRule as BlanketRule } from '../../../gen/envoy/type/v3/ratelimit_strategy_pb.js';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import type { MemquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { fixedAmount, limitFor } from '../../../mesh/policy/quota-charges.ts';
import { leaseSeconds, quotaKey } from '../../../mesh/policy/quota-descriptor.ts';
import { countKey, limitOf } from '../handlers/configured-quota.ts';
import type { MetricFamily, MixerMetrics } from '../metrics.ts';
import type { LeaseBook } from './lease-book.ts';
import type { QuotaRules } from './quota-rules.ts';

/** Tells one proxy. */
export type SendLeases = (response: RateLimitQuotaResponse) => void;

/** One quota, at one combination of dimensions. */
interface Leased {
  /** In the book. */
  readonly name: string;
  readonly bucket: Readonly<Record<string, string>>;
  /** Requests a window. */
  readonly capacity: number;
  readonly windowMs: number;
}

/** A stream of a proxy, and the address that it comes from. */
export interface Proxy {
  readonly holder: string;
  readonly origin: string;
}

interface Local {
  readonly proxy: Proxy;
  readonly send: SendLeases;
  /** Whether it was sent a lease. */
  readonly told: boolean;
}

/** What leasing takes. */
export interface LeaseDeskOptions {
  readonly rules: QuotaRules;
  readonly book: LeaseBook;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MixerMetrics;
}

/** See the file's first line. Its methods never reject. */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  readonly #locals = new Map<string, Map<string, Local>>();
  readonly #renewals: MetricFamily;

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
    this.#renewals = options.metrics.counter('mixer_lease_renewals_total', 'Leases of quotas to proxies, by outcome');
  }

  /** Renews the leases of a proxy and tells it. Where the book is away it hears nothing, and keeps what it has until that runs out. */
  async report(proxy: Proxy, usages: readonly Usage[], send: SendLeases): Promise<void> {
    for (const usage of usages) {
      const bucket = usage.bucketId?.bucket ?? {};
      const leased = this.#leasedOf(bucket);
      if (leased === undefined) {
        send(responseOf(bucket, { case: 'abandonAction', value: {} }));
        continue;
      }
      try {
        await this.#renew(proxy, leased, { demand: demandOf(usage, leased.windowMs), send });
        this.#renewals.add({ outcome: 'renewed' }, 1);
      } catch (error) {
        this.#renewals.add({ outcome: 'failed' }, 1);
        this.#options.logger.warn({ quota: bucket[quotaKey], error: messageOf(error) }, 'a lease could not be renewed');
      }
    }
  }

  /** The proxy's stream has ended; its leases run out by themselves, for it still has them. */
  leave(holder: string, send: SendLeases): void {
    for (const [name, locals] of this.#locals) {
      if (locals.get(holder)?.send === send) locals.delete(holder);
      if (locals.size === 0) this.#locals.delete(name);
    }
  }

  async #renew(proxy: Proxy, leased: Leased, told: { readonly demand: number | undefined; readonly send: SendLeases }) {
    const first = await this.#lease(proxy, leased, told);
    if (first.amount >= Math.floor(first.fair)) return;
    // Those here that have more than they should give back at once; those at other Mixers do with their next reports.
    const others = [...(this.#locals.get(leased.name)?.values() ?? [])].filter(
      (local) => local.proxy.holder !== proxy.holder,
    );
    for (const other of others) await this.#lease(other.proxy, leased, { demand: undefined, send: other.send });
    await this.#lease(proxy, leased, told);
  }

  async #lease(
    proxy: Proxy,
    leased: Leased,
    { demand, send }: { readonly demand: number | undefined; readonly send: SendLeases },
  ): Promise<{ readonly amount: number; readonly fair: number }> {
    const { name, capacity, bucket } = leased;
    const times = { nowMs: this.#options.clock.nowMs(), ttlMs: leaseSeconds * 1_000 };
    const renewed = await this.#options.book.renew(name, { ...proxy, demand, capacity, ...times });
    const locals = this.#locals.get(name) ?? new Map<string, Local>();
    // Who comes from another Mixer has its lease of there, which can't be its own here before it lapses.
    const told = locals.get(proxy.holder)?.told || renewed.amount > 0 || demand === undefined;
    this.#locals.set(name, locals.set(proxy.holder, { proxy, send, told }));
    if (told) send(responseOf(bucket, assignment(renewed.amount, leased)));
    return renewed;
  }

  /** Undefined for a rule that is gone, or leases no longer. */
  #leasedOf(bucket: Readonly<Record<string, string>>): Leased | undefined {
    const rule = this.#options.rules.find(bucket[quotaKey] ?? '');
    if (rule?.action.mode !== 'leased') return undefined;
    const { handler, instance, charges } = rule.action;
    const quota = limitFor((handler.params as MemquotaParams).quotas ?? [], instance.name);
    if (quota === undefined) return undefined;
    const dimensions = new Map(Object.entries(bucket).filter(([key]) => key !== quotaKey));
    const { maxAmount, windowMs } = limitOf(quota, dimensions);
    const capacity = Math.floor(maxAmount / (fixedAmount(charges, { services: {} }) || 1));
    const name = JSON.stringify([handler.name, capacity, windowMs, countKey(instance.name, dimensions)]);
    return { name, bucket, capacity, windowMs };
  }
}

/** Requests a window; undefined from a proxy that has only begun. */
function demandOf({ timeElapsed, numRequestsAllowed, numRequestsDenied }: Usage, windowMs: number): number | undefined {
  const elapsedMs = Number(timeElapsed?.seconds ?? 0n) * 1_000 + (timeElapsed?.nanos ?? 0) / 1e6;
  // The first report of a bucket comes with its first request.
  if (elapsedMs < 100) return undefined;
  return (Number(numRequestsAllowed + numRequestsDenied) * windowMs) / elapsedMs;
}

/**
 * Envoy 1.40 takes nothing but a token bucket that is filled in whole seconds: a window with a fraction is taken for a longer one. Nothing to
 * lease: everything is refused until the next report.
 */
function assignment(amount: number, { windowMs }: Leased) {
  const seconds = BigInt(Math.ceil(windowMs / 1_000));
  const bucket = { maxTokens: amount, tokensPerFill: amount, fillInterval: { seconds } };
  const strategy =
    amount >= 1
      ? { case: 'tokenBucket' as const, value: bucket }
      : { case: 'blanketRule' as const, value: BlanketRule.DENY_ALL };
  return {
    case: 'quotaAssignmentAction' as const,
    value: { assignmentTimeToLive: { seconds: BigInt(leaseSeconds) }, rateLimitStrategy: { strategy } },
  };
}

function responseOf(
  bucket: Readonly<Record<string, string>>,
  bucketAction:
    | { readonly case: 'abandonAction'; readonly value: Readonly<Record<string, never>> }
    | ReturnType<typeof assignment>,
): RateLimitQuotaResponse {
  const action = create(RateLimitQuotaResponse_BucketActionSchema, {
    bucketId: { bucket: { ...bucket } },
    bucketAction,
  });
  return create(RateLimitQuotaResponseSchema, { bucketAction: [action] });
}
