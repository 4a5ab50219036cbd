// Answers checks: the rules that a proxy leaves to Mixer, on one request, remembered where a handler was asked.
import type { Clock } from '../../../lib/clock.ts';
import type { Attributes } from '../../../mesh/policy/attributes.ts';
import type { PolicyRule, PolicySet } from '../../../mesh/policy/rules.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMetrics } from '../metrics.ts';
import { CheckCache, RecordingAttributes } from './check-cache.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Lists of rules that are remembered with their caches: one for each kind of workload. */
const maxPlans = 1_000;

interface Plan {
  readonly rules: readonly PolicyRule[];
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
  readonly #checks;
  readonly #poison;
  readonly #told = new Set<string>();
  #byId: ReadonlyMap<string, PolicyRule> = new Map();
  #plans = new Map<string, Plan>();

  constructor(options: CheckEngineOptions) {
    this.#options = options;
    this.#checks = options.metrics.counter(
      'mixer_checks_total',
      'Checks answered, by verdict and whether it was remembered',
    );
    this.#poison = options.metrics.counter('mixer_rule_failures_total', 'Times that evaluating a rule failed');
  }

  /** These are the rules from now on; what was remembered of others is forgotten. */
  use({ rules }: PolicySet): void {
    this.#byId = new Map(rules.map((rule) => [rule.id, rule]));
    this.#plans = new Map();
    this.#told.clear();
  }

  /** The verdict of the rules with these ids; rules that are gone meanwhile say nothing. */
  async check(ids: readonly string[], attributes: Attributes): Promise<Verdict> {
    const { cache, rules } = this.#planOf(ids);
    const nowMs = this.#options.clock.nowMs();
    const known = cache?.find(attributes, nowMs);
    if (known !== undefined) return this.#counted(known, 'true');
    const recording = cache === undefined ? attributes : new RecordingAttributes(attributes);
    const verdict = await verdictOf(rules, recording, {
      ask: (rule, instance) => {
        if (rule.action.kind !== 'check') throw new Error(`${rule.id} has no handler`);
        return this.#options.handlers.runner(rule.action.handler).check(instance);
      },
      poisoned: (rule, error) => this.#poisoned(rule, error),
    });
    if (cache !== undefined && recording instanceof RecordingAttributes) cache.keep(verdict, recording, nowMs);
    return this.#counted(verdict, 'false');
  }

  #planOf(ids: readonly string[]): Plan {
    const key = ids.join('\n');
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const rules = ids.flatMap((id) => this.#byId.get(id) ?? []);
    const asks = rules.some(({ action }) => action.kind === 'check');
    const plan = { rules, cache: asks ? new CheckCache() : undefined };
    if (this.#plans.size >= maxPlans) this.#plans.clear();
    this.#plans.set(key, plan);
    return plan;
  }

  #counted(verdict: Verdict, cached: 'true' | 'false'): Verdict {
    this.#checks.add({ verdict: verdict.denial ? 'denied' : 'allowed', cached }, 1);
    return verdict;
  }

  #poisoned(rule: PolicyRule, error: unknown): void {
    this.#poison.add({ rule: rule.id }, 1);
    if (this.#told.has(rule.id)) return;
    this.#told.add(rule.id);
    this.#options.onPoisoned(rule, error);
  }
}
