// Policies and Mixer's rules into the one model of rules, compiled. Pure; the same objects while the configuration is the same.
import type { ConfigResource } from '../../events/model.ts';
import type { RuleSpec } from '../config/schemas/mixer.ts';
import type { PolicySpec } from '../config/schemas/policy.ts';
import { compareResources } from '../config-store.ts';
import type { ConfigView } from '../snapshot.ts';
import { mixerRule } from './compile-mixer-rule.ts';
import { policyRule } from './compile-policy-rule.ts';
import { chargeKinds } from './quota-charges.ts';
import { handlerKinds, instanceKinds } from './references.ts';
import type { PolicySet } from './rules.ts';

/** Sets made before, by the list of Policies: while no list changes the same set is given. */
const known = new WeakMap<object, { readonly lists: readonly unknown[]; readonly set: PolicySet }[]>();
/** Lineages of snapshots that may take turns (production, a what-if): more are compiled anew. */
const maxKnown = 4;

/** All rules. A rule that can't be compiled is listed as broken, and keeps no other from working. */
export function compilePolicies(config: ConfigView): PolicySet {
  const lists = ['Policy', 'rule', ...chargeKinds, ...handlerKinds, ...instanceKinds].map((kind) => config.list(kind));
  const key = lists[1] ?? lists;
  const earlier = known.get(key) ?? [];
  const same = earlier.find((one) => one.lists.every((list, i) => list === lists[i]));
  if (same !== undefined) return same.set;
  const resources = [...config.list('Policy'), ...config.list('rule')].sort(compareResources);
  const outcomes = resources.map((resource) => compileResource(resource, config));
  const set = {
    rules: outcomes.flatMap(({ rules }) => rules),
    broken: outcomes.flatMap(({ broken }) => broken),
  };
  known.set(key, [{ lists, set }, ...earlier].slice(0, maxKnown));
  return set;
}

function compileResource(resource: ConfigResource, config: ConfigView): PolicySet {
  const { kind, namespace, name, spec } = resource;
  const parts =
    kind === 'Policy'
      ? (spec as PolicySpec).rules.map(
          (rule, i) => () => policyRule(resource as ConfigResource<PolicySpec>, rule, i, config),
        )
      : [() => mixerRule(resource as ConfigResource<RuleSpec>, config)];
  const outcomes = parts.map((compile, i): PolicySet => {
    try {
      return compile();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { rules: [], broken: [{ id: `${kind}/${namespace}/${name}[${i}]`, problem }] };
    }
  });
  return {
    rules: outcomes.flatMap(({ rules }) => rules),
    broken: outcomes.flatMap(({ broken }) => broken),
  };
}
