// Answers checks: the rules that a proxy leaves to Mixer, on one request, remembered where a handler was asked.
import type { Clock } from '../../../lib/clock.ts';
import type { Attributes } from '../../../mesh/policy/attributes.ts';
import type { PolicyRule, PolicySet } from '../../../mesh/policy/rules.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMetrics } from '../metrics.ts';
import { chargeQuotas, isQuotaRule, type QuotaRule } from '../quota/charge-quotas.ts';
import { CheckCache, RecordingAttributes } from './check-cache.ts';
import { PoisonedRules } from './poisoned-rules.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Lists of rules that are remembered with their caches: one for each kind of workload. */
const maxPlans = 1_000;

interface Plan {
  readonly rules: readonly PolicyRule[];
  /** Charged when the others let a request pass. */
  readonly quotas: readonly QuotaRule[];
  /** Undefined where no handler is asked: then evaluating is cheaper than remembering. */
  readonly cache: CheckCache | undefined;
}

/** What an engine is made of. */
export interface CheckEngineOptions {
  readonly handlers: Pick<HandlerSet, 'runner'>;
  readonly metrics: MixerMetrics;
  readonly clock: Clock;
  /** Told once a rule and set of rules. */
  readonly onPoisoned: (rule: PolicyRule, error: unknown) => void;
}

/** See the file's first line. */
export class CheckEngine {
  readonly #options: CheckEngineOptions;
  readonly #count;
  readonly #poison;
  readonly #poisoned: PoisonedRules;
  #byId: ReadonlyMap<string, PolicyRule> = new Map();
  #plans = new Map<string, Plan>();
  /** By the list itself too: proxies' lists are kept decoded, and come again with each check. */
  #planOfList = new WeakMap<readonly string[], Plan>();
  #charged = 0;

  constructor(options: CheckEngineOptions) {
    this.#options = options;
    this.#poisoned = new PoisonedRules(options.onPoisoned);
    const checks = options.metrics.counter(
      'mixer_checks_total',
      'Checks answered, by verdict and whether it was remembered',
    );
    const of = (verdict: string) => ({
      true: checks.adder({ verdict, cached: 'true' }),
      false: checks.adder({ verdict, cached: 'false' }),
    });
    this.#count = { allowed: of('allowed'), denied: of('denied') };
    this.#poison = options.metrics.counter('mixer_rule_failures_total', 'Times that evaluating a rule failed');
  }

  /** These are the rules from now on; what was remembered of others is forgotten. */
  use({ rules }: PolicySet): void {
    this.#byId = new Map(rules.map((rule) => [rule.id, rule]));
    this.#forgetPlans();
    this.#poisoned.clear();
  }

  /** The verdict of the rules with these ids; rules that are gone meanwhile say nothing. */
  async check(ids: readonly string[], attributes: Attributes): Promise<Verdict> {
    const plan = this.#planOf(ids);
    const { verdict, cached } = await this.#verdictOf(plan, attributes);
    const refused = verdict.denial === undefined ? await this.#charge(plan.quotas, attributes) : undefined;
    const whole = refused === undefined ? verdict : { ...verdict, ...refused };
    this.#count[whole.denial ? 'denied' : 'allowed'][cached](1);
    return cached === 'true' ? { ...whole, cached: true } : whole;
  }

  /** What the rules say that charge nothing: only that may be remembered. */
  async #verdictOf(
    { cache, rules }: Plan,
    attributes: Attributes,
  ): Promise<{ verdict: Verdict; cached: 'true' | 'false' }> {
    const nowMs = this.#options.clock.nowMs();
    const known = cache?.find(attributes, nowMs);
    if (known !== undefined) return { verdict: known, cached: 'true' };
    const recording = cache === undefined ? attributes : new RecordingAttributes(attributes);
    const verdict = await verdictOf(rules, recording, {
      ask: (rule, instance) => {
        if (rule.action.kind !== 'check') throw new Error(`${rule.id} has no handler`);
        return this.#options.handlers.runner(rule.action.handler).check(instance);
      },
      poisoned: (rule, error) => this.#failed(rule, error),
    });
    if (cache !== undefined && recording instanceof RecordingAttributes) cache.keep(verdict, recording, nowMs);
    return { verdict, cached: 'false' };
  }

  async #charge(quotas: readonly QuotaRule[], attributes: Attributes) {
    if (quotas.length === 0) return undefined;
    // An id of ours: clients choose x-request-id, and what is asked twice is counted once.
    const deduplicationId = String(++this.#charged);
    return await chargeQuotas(quotas, attributes, {
      take: ({ action: { handler } }, instance, amount) =>
        this.#options.handlers.runner(handler).quota(instance, { amount, bestEffort: false, deduplicationId }),
      poisoned: (rule, error) => this.#failed(rule, error),
    });
  }

  #planOf(ids: readonly string[]): Plan {
    let plan = this.#planOfList.get(ids);
    if (plan !== undefined) return plan;
    const key = ids.join('\n');
    plan = this.#plans.get(key);
    if (plan === undefined) {
      if (this.#plans.size >= maxPlans) this.#forgetPlans();
      this.#plans.set(key, (plan = this.#planAnew(ids)));
    }
    this.#planOfList.set(ids, plan);
    return plan;
  }

  #forgetPlans(): void {
    this.#plans = new Map();
    this.#planOfList = new WeakMap();
  }

  #planAnew(ids: readonly string[]): Plan {
    const all = ids.flatMap((id) => this.#byId.get(id) ?? []);
    const [rules, quotas] = [all.filter((rule) => !isQuotaRule(rule)), all.filter(isQuotaRule)];
    const asks = rules.some(({ action }) => action.kind === 'check');
    return { rules, quotas, cache: asks ? new CheckCache() : undefined };
  }

  #failed(rule: PolicyRule, error: unknown): void {
    this.#poison.add({ rule: rule.id }, 1);
    this.#poisoned.failed(rule, error);
  }
}
