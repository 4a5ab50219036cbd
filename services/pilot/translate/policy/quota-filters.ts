// Quotas as Envoy filters: counted by the proxy itself, or by Mixer's rate limit service.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import { type RateLimit, RateLimitSchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { XRateLimitHeadersRFCVersion } from '../../../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js';
import { LocalRateLimitSchema } from '../../../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import {
  RateLimit_XRateLimitHeadersRFCVersion as HeadersVersion,
  RateLimitSchema as RateLimitFilterSchema,
} from '../../../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { DescriptorSchema } from '../../../../gen/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.js';
import { StatusCode } from '../../../../gen/envoy/type/v3/http_status_pb.js';
import { type Cel, celConst, isConst } from '../../../../mesh/policy/lowering/cel.ts';
import type { Placement } from '../../../../mesh/policy/lowering/placement.ts';
import type { LoweredQuota } from '../../../../mesh/policy/lowering/quota-placement.ts';
import { celWhere } from '../../../../mesh/policy/lowering/text-value.ts';
import { quotaDomain, quotaKey } from '../../../../mesh/policy/quota-descriptor.ts';
import type { QuotaAction } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import { durationOfMs } from '../routes/duration.ts';
import { httpFilter } from '../security/rbac-filters.ts';
import { celMessage } from './cel-message.ts';
import { mixerQuestion } from './mixer-call.ts';
import { mixerTimeoutMs, withoutMixer } from './mixer-filter.ts';

/** The filters of these placements; none for those of other places. `isThere`: whether proxies have a cluster of Mixers. */
export function quotaFilters(
  placements: readonly Placement[],
  facts: WorkloadFacts,
  { isThere }: { readonly isThere: boolean },
): readonly HttpFilter[] {
  const local = placements.filter(({ place }) => place === 'local-rate-limit');
  const asked = placements.filter(({ place }) => place === 'rate-limit');
  return [...local.flatMap(localFilter), ...(asked.length > 0 ? [askingFilter(asked, facts, isThere)] : [])];
}

function askingFilter(placements: readonly Placement[], facts: WorkloadFacts, isThere: boolean): HttpFilter {
  const rules = placements.map(({ rule }) => rule);
  const failOpen = rules.every(({ action }) => (action as QuotaAction).handler.onFailure === 'allow');
  if (!isThere) return withoutMixer({ failOpen });
  const filter = create(RateLimitFilterSchema, {
    domain: quotaDomain,
    timeout: durationOfMs(mixerTimeoutMs),
    failureModeDeny: !failOpen,
    statusOnError: { code: StatusCode.ServiceUnavailable },
    rateLimitService: {
      transportApiVersion: ApiVersion.V3,
      grpcService: { ...mixerQuestion(rules, facts), timeout: durationOfMs(mixerTimeoutMs) },
    },
    enableXRatelimitHeaders: HeadersVersion.DRAFT_VERSION_03,
    enableRetryAfterHeader: true,
    rateLimits: placements.flatMap(({ rule, quota }) => (quota === undefined ? [] : [descriptor(rule.id, quota)])),
    statPrefix: 'mixer',
  });
  return httpFilter('envoy.filters.http.ratelimit', RateLimitFilterSchema, filter);
}

/** A descriptor that is there where the condition holds; dimensions without a value are left out of it. */
function descriptor(id: string, { condition, dimensions }: Pick<LoweredQuota, 'condition' | 'dimensions'>): RateLimit {
  return create(RateLimitSchema, {
    actions: [
      entry(quotaKey, celWhere(condition, celConst(id)), { optional: false }),
      ...dimensions.map(({ name, value: { present, value } }) =>
        entry(name, celWhere(present, value), { optional: true }),
      ),
    ],
  });
}

function entry(descriptorKey: string, value: Cel, { optional }: { readonly optional: boolean }) {
  if (value.kind === 'const')
    return {
      actionSpecifier: { case: 'genericKey' as const, value: { descriptorKey, descriptorValue: String(value.value) } },
    };
  const expression = create(DescriptorSchema, {
    descriptorKey,
    skipIfError: optional,
    exprSpecifier: { case: 'parsed', value: celMessage(value) },
  });
  const extension = { name: 'envoy.rate_limit_descriptors.expr', typedConfig: anyPack(DescriptorSchema, expression) };
  return { actionSpecifier: { case: 'extension' as const, value: extension } };
}

/** More requests in a second than a proxy serves: what other requests are held to, for Envoy wants a bucket for them. */
const unlimitedTokens = 4_000_000_000;

function localFilter({ rule, quota }: Placement): readonly HttpFilter[] {
  if (quota?.perProxy === undefined) return [];
  const { maxAmount, windowMs } = quota.perProxy;
  const tokens = Math.floor(maxAmount / quota.amount);
  const bucket = { maxTokens: tokens, tokensPerFill: tokens, fillInterval: durationOfMs(windowMs) };
  const always = isConst(quota.condition, true);
  const filter = create(LocalRateLimitSchema, {
    statPrefix: 'policy',
    tokenBucket: always
      ? bucket
      : { maxTokens: unlimitedTokens, tokensPerFill: unlimitedTokens, fillInterval: durationOfMs(1_000) },
    descriptors: always ? [] : [{ entries: [{ key: quotaKey, value: rule.id }], tokenBucket: bucket }],
    filterEnabled: allRequests,
    filterEnforced: allRequests,
    enableXRatelimitHeaders: XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
    enableRetryAfterHeader: true,
    // Requests that the condition does not name take nothing.
    rateLimits: always ? [] : [descriptor(rule.id, { ...quota, dimensions: [] })],
    alwaysConsumeDefaultTokenBucket: false,
  });
  return [httpFilter(`envoy.filters.http.local_ratelimit.${rule.id}`, LocalRateLimitSchema, filter)];
}

/** Without it Envoy limits nothing. */
const allRequests = { defaultValue: { numerator: 100 } };
