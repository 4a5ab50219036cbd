// Charges one request against the quotas of its workload; the first that is used up refuses it.
import type { Attributes } from '../../../mesh/policy/attributes.ts';
import { amountOf } from '../../../mesh/policy/quota-charges.ts';
import { type Action, type Denial, httpStatusOf, type PolicyRule } from '../../../mesh/policy/rules.ts';
import { fieldsOf, poisonDenial } from '../check/verdict.ts';
import { type Instance, type QuotaResult, rpcCodes } from '../handlers/handler.ts';

/** A rule that charges. */
export type QuotaRule = PolicyRule & { readonly action: Extract<Action, { kind: 'quota' }> };

/** Whether a rule charges. */
export function isQuotaRule(rule: PolicyRule): rule is QuotaRule {
  return rule.action.kind === 'quota';
}

/** What charging takes. */
export interface ChargeMeans {
  /** Asks the rule's handler for all of `amount`. */
  readonly take: (rule: QuotaRule, instance: Instance, amount: number) => QuotaResult | Promise<QuotaResult>;
  /** A rule threw: it refuses. */
  readonly poisoned: (rule: PolicyRule, error: unknown) => void;
}

/** Who refuses and how; undefined: the request passes. What earlier quotas were charged stays charged, as in Mixer. */
export async function chargeQuotas(
  rules: readonly QuotaRule[],
  attributes: Attributes,
  means: ChargeMeans,
): Promise<{ readonly denial: Denial; readonly by: string } | undefined> {
  for (const rule of rules) {
    try {
      const denial = await chargeQuota(rule, attributes, means);
      if (denial !== undefined) return { denial, by: rule.id };
    } catch (error) {
      means.poisoned(rule, error);
      return { denial: poisonDenial, by: rule.id };
    }
  }
  return undefined;
}

async function chargeQuota(rule: QuotaRule, attributes: Attributes, means: ChargeMeans): Promise<Denial | undefined> {
  const { charges, instance } = rule.action;
  if (rule.when !== undefined && rule.when.evaluate(attributes) !== true) return undefined;
  const amount = amountOf(charges, attributes);
  if (amount === 0) return undefined;
  const fields = fieldsOf(instance.fields, attributes);
  const { status, granted } = await means.take(
    rule,
    { template: instance.template, name: instance.name, fields },
    amount,
  );
  if (granted >= amount) return undefined;
  const code = status.code === rpcCodes.ok ? rpcCodes.resourceExhausted : status.code;
  return { code, httpStatus: httpStatusOf(code), message: status.message };
}
