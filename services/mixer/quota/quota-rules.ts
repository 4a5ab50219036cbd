// The rules that charge quotas, found by what a proxy calls them: their rule's id, or their instance's name.
import type { PolicyRule, PolicySet } from '../../../mesh/policy/rules.ts';
import { isQuotaRule, type QuotaRule } from './charge-quotas.ts';

/** See the file's first line. */
export class QuotaRules {
  #byName: ReadonlyMap<string, QuotaRule> = new Map();

  /** These are the rules from now on. */
  use({ rules }: Pick<PolicySet, 'rules'>): void {
    const quotas = rules.filter((rule: PolicyRule): rule is QuotaRule => isQuotaRule(rule));
    const byInstance = quotas.map((rule) => [rule.action.instance.name, rule] as const);
    // Of several rules for one instance the first: they charge the same counts.
    this.#byName = new Map([...byInstance.reverse(), ...quotas.map((rule) => [rule.id, rule] as const)]);
  }

  find(name: string): QuotaRule | undefined {
    return this.#byName.get(name);
  }
}
