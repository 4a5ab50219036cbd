// Quotas that Mixer leases to proxies, as Envoy's rate limit quota filter: a bucket for requests that the rule is for.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  RateLimitQuotaBucketSettingsSchema,
  RateLimitQuotaFilterConfigSchema,
} from '../../../../gen/envoy/extensions/filters/http/rate_limit_quota/v3/rate_limit_quota_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RateLimitStrategy_BlanketRule as BlanketRule } from '../../../../gen/envoy/type/v3/ratelimit_strategy_pb.js';
import { CelMatcherSchema } from '../../../../gen/xds/type/matcher/v3/cel_pb.js';
import { HttpAttributesCelMatchInputSchema } from '../../../../gen/xds/type/matcher/v3/http_inputs_pb.js';
import { type Matcher, MatcherSchema } from '../../../../gen/xds/type/matcher/v3/matcher_pb.js';
import { isConst } from '../../../../mesh/policy/lowering/cel.ts';
import type { Placement } from '../../../../mesh/policy/lowering/placement.ts';
import type { LoweredQuota } from '../../../../mesh/policy/lowering/quota-placement.ts';
import { quotaDomain, quotaKey } from '../../../../mesh/policy/quota-descriptor.ts';
import type { PolicyRule, QuotaAction } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import { durationOfMs } from '../routes/duration.ts';
import { httpFilter } from '../security/rbac-filters.ts';
import { celMessage } from './cel-message.ts';
import { mixerCall } from './mixer-call.ts';
import { withoutMixer } from './mixer-filter.ts';

/** What Envoy 1.40 reports in, whatever it is told. */
const reportMs = 5_000;
/** How long a proxy goes on with a lease that has run out, in ms, while no Mixer renews it: its part of the limit still holds. */
const reuseMs = 600_000;

/** One filter for each quota: Envoy charges one bucket a filter. */
export function leaseFilters(
  placements: readonly Placement[],
  facts: WorkloadFacts,
  { isThere }: { readonly isThere: boolean },
): readonly HttpFilter[] {
  return placements.flatMap(({ place, rule, quota }) => {
    if (place !== 'rate-limit-quota' || quota === undefined) return [];
    if (!isThere) return [withoutMixer({ failOpen: isOpen(rule) })];
    const filter = create(RateLimitQuotaFilterConfigSchema, {
      rlqsServer: mixerCall([rule], facts),
      // Envoy shares a client among filters of one domain.
      domain: `${quotaDomain}/${rule.id}`,
      bucketMatchers: matcherOf(rule, quota),
    });
    return [httpFilter(`envoy.filters.http.rate_limit_quota.${rule.id}`, RateLimitQuotaFilterConfigSchema, filter)];
  });
}

function isOpen({ action }: PolicyRule): boolean {
  return (action as QuotaAction).handler.onFailure === 'allow';
}

function matcherOf(rule: PolicyRule, quota: LoweredQuota): Matcher {
  const name = 'envoy.filters.http.rate_limit_quota';
  const typedConfig = anyPack(RateLimitQuotaBucketSettingsSchema, settingsOf(rule, quota));
  const onMatch = { onMatch: { case: 'action' as const, value: { name, typedConfig } } };
  if (isConst(quota.condition, true)) return create(MatcherSchema, { onNoMatch: onMatch });
  const input = {
    name: 'envoy.matching.inputs.cel_data_input',
    typedConfig: anyPack(HttpAttributesCelMatchInputSchema, create(HttpAttributesCelMatchInputSchema)),
  };
  const expression = { exprSpecifier: { case: 'parsedExpr' as const, value: { expr: celMessage(quota.condition) } } };
  const custom = {
    name: 'envoy.matching.matchers.cel_matcher',
    typedConfig: anyPack(CelMatcherSchema, create(CelMatcherSchema, { exprMatch: expression })),
  };
  const single = { input, matcher: { case: 'customMatch' as const, value: custom } };
  const predicate = { matchType: { case: 'singlePredicate' as const, value: single } };
  return create(MatcherSchema, { matcherType: { case: 'matcherList', value: { matchers: [{ predicate, onMatch }] } } });
}

/**
 * Until the first lease comes, and when one has not been renewed for long, a proxy refuses or lets pass as the quota says; Envoy 1.40 crashes over
 * anything finer there.
 */
function settingsOf(rule: PolicyRule, { dimensions }: LoweredQuota) {
  const values = dimensions.map(({ name, value }) => [name, textOf(value.value)] as const);
  const blanket = isOpen(rule) ? BlanketRule.ALLOW_ALL : BlanketRule.DENY_ALL;
  const { instance } = rule.action as QuotaAction;
  return create(RateLimitQuotaBucketSettingsSchema, {
    bucketIdBuilder: {
      bucketIdBuilder: Object.fromEntries(
        [[quotaKey, rule.id] as const, ...values].map(([key, value]) => [
          key,
          { valueSpecifier: { case: 'stringValue' as const, value } },
        ]),
      ),
    },
    reportingInterval: durationOfMs(reportMs),
    noAssignmentBehavior: {
      noAssignmentBehavior: {
        case: 'fallbackRateLimit',
        value: { strategy: { case: 'blanketRule', value: blanket } },
      },
    },
    expiredAssignmentBehavior: {
      expiredAssignmentBehaviorTimeout: durationOfMs(reuseMs),
      expiredAssignmentBehavior: { case: 'reuseLastAssignment', value: {} },
    },
    denyResponseSettings: { httpBody: Buffer.from(`Quota is exhausted for: ${instance.name}`) },
  });
}

/** Leased dimensions are constants. */
function textOf(value: LoweredQuota['dimensions'][number]['value']['value']): string {
  return value.kind === 'const' ? String(value.value) : '';
}
