// Rules into one verdict: the first that refuses decides; header changes of the others are carried out in their order.
import { type Attributes, type AttributeValue, textOf } from '../../../mesh/policy/attributes.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import type {
  Action,
  Denial,
  FieldExpressions,
  HeaderOperation,
  InstanceTemplate,
  PolicyRule,
} from '../../../mesh/policy/rules.ts';
import { httpStatusOf } from '../../../mesh/policy/rules.ts';
import type { CheckResult, FieldValue, Instance } from '../handlers/handler.ts';
import { type ListMatcher, listMatcher } from './list-matcher.ts';

/** A header operation with its value. */
export interface HeaderChange {
  readonly name: string;
  readonly operation: HeaderOperation['operation'];
  readonly value: string;
}

/** What becomes of a request, and for how long an equal one may be answered alike. */
export interface Verdict {
  readonly denial: Denial | undefined;
  /** Id of the rule that refuses. */
  readonly by: string | undefined;
  /** It was remembered from an equal request. */
  readonly cached?: boolean;
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  readonly validForMs: number;
  readonly validUses: number;
}

/** Asks a handler by its name. */
export type AskHandler = (rule: PolicyRule, instance: Instance) => CheckResult | Promise<CheckResult>;

/** What evaluating takes. */
export interface VerdictMeans {
  readonly ask: AskHandler;
  /** A rule threw: it counts as not there, or as refusing where its action can refuse nothing wrongly; others go on. */
  readonly poisoned: (rule: PolicyRule, error: unknown) => void;
}

/** The verdict of `rules` on a request. Synchronous as long as no handler has to be waited for. */
export async function verdictOf(
  rules: readonly PolicyRule[],
  attributes: Attributes,
  means: VerdictMeans,
): Promise<Verdict> {
  const state = {
    request: [] as HeaderChange[],
    response: [] as HeaderChange[],
    validForMs: Infinity,
    validUses: Infinity,
  };
  for (const rule of rules) {
    try {
      if (rule.when !== undefined && rule.when.evaluate(attributes) !== true) continue;
      const { action } = rule;
      if (action.kind === 'check') {
        const result = await askFor(rule, action.instance, attributes, means.ask);
        state.validForMs = Math.min(state.validForMs, result.validForMs);
        state.validUses = Math.min(state.validUses, result.validUses);
        const { code, message } = result.status;
        if (code !== 0) return { ...state, denial: { code, httpStatus: httpStatusOf(code), message }, by: rule.id };
      } else if (action.kind === 'headers') {
        state.request.push(...changesOf(action.request, attributes));
        state.response.push(...changesOf(action.response, attributes));
      } else {
        const denial = denialOf(action, attributes);
        if (denial !== undefined) return { ...state, denial, by: rule.id };
      }
    } catch (error) {
      means.poisoned(rule, error);
      if (rule.action.kind !== 'headers') return { ...state, denial: poisonDenial, by: rule.id, validForMs: 0 };
    }
  }
  return { ...state, denial: undefined, by: undefined };
}

/** A rule that could refuse and can't say: fail closed. */
export const poisonDenial: Denial = { code: 13, httpStatus: 500, message: 'a policy rule failed' };

function denialOf(action: Action, attributes: Attributes): Denial | undefined {
  if (action.kind === 'deny') return action.denial;
  if (action.kind !== 'list') return undefined;
  const value = action.value.evaluate(attributes);
  if (action.noAddress !== undefined && value !== undefined && ipOf(textOf(value)) === undefined)
    return action.noAddress;
  const isListed = value !== undefined && listed(action, value);
  return isListed === (action.mode === 'DENY') ? action.denial : undefined;
}

type ListAction = Extract<Action, { kind: 'list' }>;
const matchers = new WeakMap<ListAction, ListMatcher>();

function listed(action: ListAction, value: AttributeValue): boolean {
  let matches = matchers.get(action);
  if (matches === undefined) matchers.set(action, (matches = listMatcher(action.type, action.entries)));
  return matches(textOf(value));
}

function changesOf(operations: readonly HeaderOperation[], attributes: Attributes): readonly HeaderChange[] {
  return operations.flatMap(({ name, operation, value, omitEmpty = false }) => {
    if (value === undefined) return [{ name, operation, value: '' }];
    const text = value.evaluate(attributes);
    return text === undefined || (omitEmpty && text === '') ? [] : [{ name, operation, value: textOf(text) }];
  });
}

/** An instance that lacks a field can't be asked about: as in Mixer that is an error, which the handler's failure policy decides. */
async function askFor(
  rule: PolicyRule,
  template: InstanceTemplate,
  attributes: Attributes,
  ask: AskHandler,
): Promise<CheckResult> {
  const fields = fieldsOf(template.fields, attributes);
  return await ask(rule, { template: template.template, name: template.name, fields });
}

/** Values of an instance's fields; those that are absent are left out. */
export function fieldsOf(expressions: FieldExpressions, attributes: Attributes): Readonly<Record<string, FieldValue>> {
  const fields: Record<string, FieldValue> = {};
  for (const [name, field] of Object.entries(expressions)) {
    const value =
      'evaluate' in field && typeof field.evaluate === 'function'
        ? (field.evaluate as (attributes: Attributes) => AttributeValue | undefined)(attributes)
        : fieldsOf(field as FieldExpressions, attributes);
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}
