// Turns requests that have ended into instances for the handlers that report rules name.
import type { Attributes, ValueType } from '../../../mesh/policy/attributes.ts';
import type { FieldExpressions, HandlerRef, PolicyRule, PolicySet } from '../../../mesh/policy/rules.ts';
import { PoisonedRules } from '../check/poisoned-rules.ts';
import { fieldsOf } from '../check/verdict.ts';
import type { Instance } from '../handlers/handler.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMetrics } from '../metrics.ts';

/** What an engine is made of. */
export interface ReportEngineOptions {
  readonly handlers: Pick<HandlerSet, 'runner'>;
  readonly metrics: MixerMetrics;
  /** Told once a rule and set of rules. */
  readonly onPoisoned: (rule: PolicyRule, error: unknown) => void;
}

/** See the file's first line. */
export class ReportEngine {
  readonly #options: ReportEngineOptions;
  readonly #entries;
  readonly #left;
  readonly #poisoned: PoisonedRules;
  #byId: ReadonlyMap<string, PolicyRule> = new Map();

  constructor(options: ReportEngineOptions) {
    this.#options = options;
    this.#poisoned = new PoisonedRules(options.onPoisoned);
    this.#entries = options.metrics.counter('mixer_report_entries_total', 'Access-log entries that proxies sent');
    this.#left = options.metrics.counter(
      'mixer_report_instances_omitted_total',
      'Instances that were not made, because their value is absent or evaluating the rule failed',
    );
  }

  /** These are the rules from now on. */
  use({ rules }: PolicySet): void {
    this.#byId = new Map(rules.flatMap((rule) => (rule.action.kind === 'report' ? [[rule.id, rule]] : [])));
    this.#poisoned.clear();
  }

  /** Queues what the rules with these ids say of the requests; rules that are gone meanwhile say nothing. Never throws. */
  report(ids: readonly string[], requests: readonly Attributes[]): void {
    this.#entries.add({}, requests.length);
    const batches = new Map<HandlerRef, Instance[]>();
    for (const rule of [...new Set(ids)].flatMap((id) => this.#byId.get(id) ?? [])) {
      if (rule.action.kind !== 'report') continue;
      const instances = requests.flatMap((attributes) => this.#instance(rule, attributes) ?? []);
      for (const handler of rule.action.handlers) batches.set(handler, [...(batches.get(handler) ?? []), ...instances]);
    }
    for (const [handler, instances] of batches)
      if (instances.length > 0) this.#options.handlers.runner(handler).report(instances);
  }

  #instance(rule: PolicyRule, attributes: Attributes): Instance | undefined {
    const { action, when, id } = rule;
    if (action.kind !== 'report') return undefined;
    try {
      if (when !== undefined && when.evaluate(attributes) !== true) return undefined;
      const { name, template, fields } = action.instance;
      const type = valueTypeOf(fields);
      const instance = { name, template, fields: fieldsOf(fields, attributes), ...(type && { valueType: type }) };
      // A size that is not known is not a size of 0.
      if (template !== 'metric' || instance.fields.value !== undefined) return instance;
    } catch (error) {
      this.#poisoned.failed(rule, error);
    }
    this.#left.add({ rule: id }, 1);
    return undefined;
  }
}

/** Type of a metric's `value`. */
function valueTypeOf({ value }: FieldExpressions): ValueType | undefined {
  return value !== undefined && typeof value.type === 'string' ? value.type : undefined;
}
