// The reference evaluator of AuthorizationPolicies: what should happen to a request, and which policy, rule and fields decide it.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { evaluateRule, type RequestDescription, type RuleResult } from './evaluate-rule.ts';
import type { PolicyAction } from './policy-polarity.ts';
import { type AuthorizationPolicy, actionOf, isDryRun } from './select-policies.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** A rule and what became of it. */
export interface RuleReference {
  readonly namespace: string;
  readonly policy: string;
  /** Index in the policy's rules; 0 for a policy without any. */
  readonly rule: number;
  /** Fields that matched, or that did not. */
  readonly fields: readonly string[];
}

/** What happens to a request. */
export interface Verdict {
  readonly allowed: boolean;
  /** CUSTOM: an authorizer that can't be called. DENY or ALLOW: policies of that action decided; `none`: no policy applies, or only DENY ones and none matched. */
  readonly by: 'CUSTOM' | 'DENY' | 'ALLOW' | 'none';
  /** The rule that decided; absent where it is for want of one. */
  readonly decisive?: RuleReference;
  /** When no ALLOW rule matched: each with the fields that did not hold. */
  readonly missed: readonly RuleReference[];
  /** Authorizers that are asked first (CUSTOM), each with the rule that says so; they may still refuse. */
  readonly asks: readonly (RuleReference & { readonly provider: string })[];
}

/**
 * CUSTOM → DENY → ALLOW (istio.io/latest/docs/concepts/security/#implicit-enablement). `policies` are those that apply to the workload
 * (`policiesOf`). CUSTOM is not decided here, as whether the authorizer agrees is not known; but one that is not `reachable`, if that is given, denies. AUDIT and dry
 * runs decide nothing.
 */
export function evaluatePolicies(
  policies: readonly AuthorizationPolicy[],
  request: RequestDescription,
  mesh: MeshConfig,
  reachable?: ReadonlySet<string>,
): Verdict {
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const trustDomains = trustDomainsOf(mesh);
  const results = (action: PolicyAction) =>
    enforced
      .filter((policy) => actionOf(policy) === action)
      .flatMap((policy) =>
        rulesOf(policy, (rule) => evaluateRule(rule, request, { action, namespace: policy.namespace, trustDomains })),
      );
  const asks = results('CUSTOM').filter(({ matches }) => matches);
  const common = {
    missed: [],
    asks: asks.map(({ policy, ...rest }) => ({
      ...reference({ policy, ...rest }),
      provider: policy.spec.provider?.name ?? '',
    })),
  };
  const unusable = reachable && asks.find(({ policy }) => !reachable.has(policy.spec.provider?.name ?? ''));
  if (unusable) return { ...common, allowed: false, by: 'CUSTOM', decisive: reference(unusable) };
  const denied = results('DENY').find(({ matches }) => matches);
  if (denied) return { ...common, allowed: false, by: 'DENY', decisive: reference(denied) };
  const allow = results('ALLOW');
  if (allow.length === 0) return { ...common, allowed: true, by: 'none' };
  const allowed = allow.find(({ matches }) => matches);
  if (allowed) return { ...common, allowed: true, by: 'ALLOW', decisive: reference(allowed) };
  return { ...common, allowed: false, by: 'ALLOW', missed: allow.map(reference) };
}

/** What a dry run of an action would do if it were enforced. */
export interface DryRun {
  readonly action: 'DENY' | 'ALLOW';
  readonly verdict: Verdict;
}

/** What policies that only report would do, each action by itself, as Envoy's shadow rules do (istio.io/latest/docs/tasks/security/authorization/authz-dry-run). */
export function evaluateDryRuns(
  policies: readonly AuthorizationPolicy[],
  request: RequestDescription,
  mesh: MeshConfig,
): readonly DryRun[] {
  return (['DENY', 'ALLOW'] as const).flatMap((action) => {
    const own = policies.filter((policy) => isDryRun(policy) && actionOf(policy) === action);
    const enforced = own.map((policy) => ({ ...policy, annotations: {} }));
    return own.length === 0 ? [] : [{ action, verdict: evaluatePolicies(enforced, request, mesh) }];
  });
}

interface EvaluatedRule extends RuleResult {
  readonly policy: AuthorizationPolicy;
  readonly rule: number;
}

/** A policy without rules matches nothing, and counts. */
function rulesOf(
  policy: AuthorizationPolicy,
  evaluate: (rule: NonNullable<AuthorizationPolicy['spec']['rules']>[number]) => RuleResult,
): readonly EvaluatedRule[] {
  const rules = policy.spec.rules ?? [];
  if (rules.length === 0) return [{ policy, rule: 0, matches: false, fields: [] }];
  return rules.map((rule, index) => ({ policy, rule: index, ...evaluate(rule) }));
}

function reference({ policy, rule, fields }: EvaluatedRule): RuleReference {
  return { namespace: policy.namespace, policy: policy.name, rule, fields };
}
