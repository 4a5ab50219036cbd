// Where quotas are counted: in the proxy, leased to it, by one call to Mixer's rate limit service, or within the check that Mixer is asked anyway.
import { durationMs } from '../../config/quantities.ts';
import type { MemquotaParams } from '../../config/schemas/mixer-adapters.ts';
import type { Expression } from '../expression/expression.ts';
import { fold } from '../expression/fold.ts';
import { fixedAmount, limitFor } from '../quota-charges.ts';
import type { FieldExpressions, PolicyRule, QuotaAction } from '../rules.ts';
import { knownAttributes, type WorkloadFacts } from '../workload-facts.ts';
import { type Cel, celTrue, isConst } from './cel.ts';
import { conditionOf } from './condition.ts';
import { type CelValue, NotLowerable } from './envoy-attributes.ts';
import type { Placement } from './placement.ts';
import { textInCel } from './text-value.ts';

/** A quota whose condition and dimensions Envoy knows. */
export interface LoweredQuota {
  /** Which requests are charged. */
  readonly condition: Cel;
  /** By name; one that is absent is left out, as in Mixer. */
  readonly dimensions: readonly { readonly name: string; readonly value: CelValue }[];
  /** What a request costs. */
  readonly amount: number;
  /** For quotas that each proxy counts for itself. */
  readonly perProxy?: { readonly maxAmount: number; readonly windowMs: number };
}

/** Adapters that take dimensions as texts: what Envoy sends. */
const adapters: readonly string[] = ['memquota', 'redisquota'];

/** The placements with quotas moved out of ext_authz where that is exact. A request makes one call to Mixer at most. */
export function placeQuotas(placements: readonly Placement[], facts: WorkloadFacts): readonly Placement[] {
  const tried = placements.map((placement) => (isLeft(placement) ? placeByMode(placement, facts) : placement));
  const left = tried.filter(({ place }) => place === 'ext-authz');
  const asked = left.find(({ rule }) => rule.action.kind !== 'quota');
  const attempts = new Map(left.map((placement) => [placement, asked ? undefined : attempt(placement.rule, facts)]));
  const blocked = [...attempts.values()].find((one) => typeof one === 'string');
  return tried.map((placement): Placement => {
    if (!attempts.has(placement)) return placement;
    const { rule } = placement;
    if (asked !== undefined)
      return rule.action.kind === 'quota'
        ? { ...placement, why: `${placement.why}; Mixer is asked anyway, for ${asked.rule.id}` }
        : placement;
    const lowered = attempts.get(placement);
    if (typeof lowered === 'string') return { ...placement, why: `${placement.why}; ${lowered}` };
    if (blocked !== undefined || lowered === undefined)
      return { ...placement, why: `${placement.why}; ${blocked ?? 'Mixer is asked anyway'}, and one call is enough` };
    return {
      rule,
      place: 'rate-limit',
      why: 'Mixer counts; Envoy knows what of the request it is told',
      quota: lowered,
    };
  });
}

function isLeft({ place, rule }: Placement): boolean {
  return place === 'ext-authz' && rule.action.kind === 'quota';
}

/** Quotas whose mode lets a proxy decide alone. */
function placeByMode(placement: Placement, facts: WorkloadFacts): Placement {
  const { rule } = placement;
  const action = rule.action as QuotaAction;
  if (action.mode === undefined) return placement;
  // The one dimension of a quota of each proxy is the proxy.
  const lowered = attempt(rule, facts, { counted: action.mode !== 'per-proxy' });
  if (typeof lowered === 'string') return { ...placement, why: lowered };
  if (action.mode === 'leased') {
    if (lowered.dimensions.some(({ value }) => value.value.kind !== 'const'))
      return {
        ...placement,
        why: 'it counts for each value that clients choose, and proxies would keep a lease for each',
      };
    return { rule, place: 'rate-limit-quota', why: 'Mixer leases the proxy its part of the limit', quota: lowered };
  }
  const limit = limitOf(action);
  if (limit === undefined || limit.maxAmount < lowered.amount)
    return { ...placement, why: 'a limit below one request is left to Mixer' };
  return {
    ...{ rule, place: 'local-rate-limit', why: 'each proxy counts for itself' },
    quota: { ...lowered, perProxy: limit },
  };
}

function limitOf({ handler, instance }: QuotaAction) {
  const { quotas = [] } = handler.params as MemquotaParams;
  const quota = limitFor(quotas, instance.name);
  const windowMs = durationMs(quota?.validDuration ?? '');
  return quota === undefined || windowMs === undefined ? undefined : { maxAmount: quota.maxAmount ?? 0, windowMs };
}

/** The quota for Envoy, or why it can't be. */
function attempt(rule: PolicyRule, facts: WorkloadFacts, by = { counted: true }): LoweredQuota | string {
  try {
    const lowered = lower(rule, facts);
    return by.counted ? { ...lowered, dimensions: dimensionsOf(rule, facts) } : lowered;
  } catch (error) {
    if (error instanceof NotLowerable) return error.message;
    throw error;
  }
}

function lower({ when, action }: PolicyRule, facts: WorkloadFacts): LoweredQuota {
  const { handler, charges } = action as QuotaAction;
  if (!adapters.includes(handler.adapter)) throw new NotLowerable(`the adapter ${handler.adapter} is told in full`);
  const amount = fixedAmount(charges, facts);
  if (amount === undefined) throw new NotLowerable('what a request costs depends on the request');
  const folded = when === undefined ? undefined : fold(when.tree, knownAttributes(facts));
  // placeRule has found those that never hold.
  const condition = folded === undefined || folded === 'absent' ? celTrue : conditionOf(folded, true);
  return { condition, amount, dimensions: [] };
}

function dimensionsOf({ action }: PolicyRule, facts: WorkloadFacts): LoweredQuota['dimensions'] {
  const known = knownAttributes(facts);
  const { dimensions } = (action as QuotaAction).instance.fields;
  const fields = dimensions === undefined || isExpression(dimensions) ? {} : dimensions;
  return Object.entries(fields).flatMap(([name, field]) => {
    if (!isExpression(field)) throw new NotLowerable(`the dimension ${name} is no text`);
    const tree = fold(field.tree, known);
    if (tree === 'absent') return [];
    const value = textInCel(tree);
    return isConst(value.present, false) ? [] : [{ name, value }];
  });
}

function isExpression(field: Expression | FieldExpressions): field is Expression {
  return 'evaluate' in field && typeof field.evaluate === 'function';
}
