// The policies of one action as the rule sets of an RBAC filter: those that are enforced and those that only report (dry run).
import { create } from '@bufbuild/protobuf';
import { type RBAC, RBAC_Action, RBACSchema } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import * as permissions from './permissions.ts';
import type { PolicyAction } from './policy-polarity.ts';
import * as principals from './principals.ts';
import { rulePolicy } from './rule-policy.ts';
import { type AuthorizationPolicy, isDryRun } from './select-policies.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** Rule sets of one filter; a set is absent when no policy is of its kind. */
export interface RuleSets {
  readonly rules?: RBAC;
  readonly shadowRules?: RBAC;
}

/** What rule sets are made from besides policies. */
export interface RuleSetOptions {
  readonly action: PolicyAction;
  readonly protocol: 'http' | 'tcp';
  readonly mesh: MeshConfig;
  /** What rules' names begin with; ext_authz recognises its own by it. */
  readonly namePrefix?: string;
}

const actions: Readonly<Record<PolicyAction, RBAC_Action>> = {
  ALLOW: RBAC_Action.ALLOW,
  DENY: RBAC_Action.DENY,
  AUDIT: RBAC_Action.LOG,
  CUSTOM: RBAC_Action.DENY,
};

/** The rule sets of `policies`, all of one action. */
export function ruleSets(policies: readonly AuthorizationPolicy[], options: RuleSetOptions): RuleSets {
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const dry = policies.filter(isDryRun);
  return {
    ...(enforced.length > 0 ? { rules: rbacOf(enforced, options) } : {}),
    ...(dry.length > 0 ? { shadowRules: rbacOf(dry, options) } : {}),
  };
}

/** One rule set; rules are named as Istio names them, so that logs and statistics read the same. */
export function rbacOf(policies: readonly AuthorizationPolicy[], options: RuleSetOptions): RBAC {
  const { action, protocol, mesh, namePrefix = '' } = options;
  const rbac = create(RBACSchema, { action: actions[action] });
  const trustDomains = trustDomainsOf(mesh);
  for (const policy of policies) {
    const { namespace, spec } = policy;
    const rules = spec.rules ?? [];
    rules.forEach((rule, index) => {
      const lowered = rulePolicy(rule, { action, protocol, namespace, trustDomains });
      if (lowered) rbac.policies[`${namePrefix}${ruleName(policy, index)}`] = lowered;
    });
    // Without rules a policy still counts: an ALLOW that matches nothing lets nothing in.
    if (rules.length === 0) rbac.policies[`${namePrefix}${ruleName(policy, 0)}`] = matchesNothing();
  }
  return rbac;
}

/** `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`. */
export function ruleName({ namespace, name }: Pick<AuthorizationPolicy, 'namespace' | 'name'>, index: number): string {
  return `ns[${namespace}]-policy[${name}]-rule[${index}]`;
}

function matchesNothing(): RBAC['policies'][string] {
  const rbac = create(RBACSchema, {
    policies: {
      nothing: {
        permissions: [permissions.not(permissions.anything())],
        principals: [principals.not(principals.anyone())],
      },
    },
  });
  const { nothing } = rbac.policies;
  if (nothing === undefined) throw new TypeError('a policy that was just made is missing');
  return nothing;
}
