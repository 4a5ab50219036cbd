// One rule of a Policy, compiled.
import type { ConfigResource } from '../../events/model.ts';
import type { MemquotaParams } from '../config/schemas/mixer-adapters.ts';
import type {
  PolicyHeaderChanges,
  PolicyList,
  PolicyQuota,
  PolicyReport,
  PolicyRuleSpec,
  PolicySpec,
} from '../config/schemas/policy.ts';
import type { ConfigView } from '../snapshot.ts';
import type { ValueType } from './attributes.ts';
import { compileExpression, type Expression } from './expression/expression.ts';
import { handlerKinds, handlerRefOf, resolveReference } from './references.ts';
import {
  type Action,
  type BrokenRule,
  type Denial,
  type FieldExpressions,
  type HeaderOperation,
  type PolicySet,
  rpcCodeOf,
} from './rules.ts';

type Where = { readonly resource: ConfigResource<PolicySpec>; readonly id: string; readonly config: ConfigView };

/** The rule; throws where its expressions do not compile, which validation has refused. */
export function policyRule(
  resource: ConfigResource<PolicySpec>,
  rule: PolicyRuleSpec,
  index: number,
  config: ConfigView,
): PolicySet {
  const { kind, namespace, name, spec } = resource;
  const id = `${kind}/${namespace}/${name}[${index}]`;
  const when = rule.when === undefined ? undefined : expressionOf(rule.when, 'BOOL');
  const broken: BrokenRule[] = [];
  const action = actionOf(rule, { resource, id, config }, broken);
  if (action === undefined) return { rules: [], broken };
  const selector = spec.selector?.matchLabels ?? {};
  return { rules: [{ id, resource: { kind, namespace, name }, selector, when, action }], broken };
}

/** Compiles text that validation has accepted. */
export function expressionOf(text: string, type?: ValueType): Expression {
  const compiled = compileExpression(text, type === undefined ? {} : { type });
  if (compiled.ok) return compiled.expression;
  throw new Error(`${JSON.stringify(text)}: ${compiled.problem.message}`);
}

function actionOf(rule: PolicyRuleSpec, where: Where, broken: BrokenRule[]): Action | undefined {
  const { deny, list, quota, headers, report } = rule;
  if (deny) return { kind: 'deny', denial: denialOf(where, deny) };
  if (list) return listAction(list, where);
  if (quota) return quotaAction(quota, where);
  if (headers) {
    return { kind: 'headers', request: operationsOf(headers.request), response: operationsOf(headers.response) };
  }
  return report && reportAction(report, where, broken);
}

function denialOf(
  { resource }: Where,
  { status = 403, message }: { readonly status?: number; readonly message?: string },
): Denial {
  const { namespace, name } = resource;
  return { code: rpcCodeOf(status), httpStatus: status, message: message ?? `denied by Policy ${name}.${namespace}` };
}

/** A list that is read from a file or URL is a handler's; one that is written here is compared here. */
function listAction(list: PolicyList, where: Where): Action {
  const { type = 'STRINGS', mode = 'ALLOW', entries = [], source, refresh, onFailure } = list;
  const value = expressionOf(list.value);
  if (source === undefined) return { kind: 'list', value, type, mode, entries, denial: denialOf(where, {}) };
  const { namespace, name } = where.resource;
  const params = {
    providerUrl: source,
    overrides: entries,
    entryType: type,
    blacklist: mode === 'DENY',
    refusal: { code: denialOf(where, {}).code, message: denialOf(where, {}).message },
    ...(refresh === undefined ? {} : { refreshInterval: refresh }),
  };
  const own = `${where.id}.list`;
  return {
    kind: 'check',
    handler: {
      name: `${name}.${namespace}`,
      adapter: 'listchecker',
      params,
      onFailure: onFailure === 'ALLOW' ? 'allow' : 'deny',
    },
    instance: { name: own, template: 'listentry', fields: { value } },
  };
}

/** Where no proxy can count by itself as the mode has it, memquota does: no more than the limit passes, of all or of each proxy. */
function quotaAction(quota: PolicyQuota, { resource, id }: Where): Action {
  const { limit, window, algorithm = 'ROLLING_WINDOW', overrides = [], charge = 1, onFailure, mode } = quota;
  const by = mode === 'PER_PROXY' ? { ...quota.by, proxy: 'destination.ip' } : (quota.by ?? {});
  const params: MemquotaParams = {
    quotas: [
      {
        name: id,
        maxAmount: limit,
        validDuration: window,
        rateLimitAlgorithm: algorithm,
        overrides: overrides.map((one) => ({ dimensions: one.by, maxAmount: one.limit, validDuration: window })),
      },
    ],
  };
  return {
    kind: 'quota',
    handler: {
      name: `${resource.name}.${resource.namespace}`,
      adapter: 'memquota',
      params,
      onFailure: onFailure === 'ALLOW' ? 'allow' : 'deny',
    },
    instance: { name: id, template: 'quota', fields: { dimensions: expressionsOf(by) } },
    charges: [{ service: '*', match: [], amount: charge }],
    ...(mode === 'LEASED' ? { mode: 'leased' } : mode === 'PER_PROXY' ? { mode: 'per-proxy' } : {}),
  };
}

function expressionsOf(texts: Readonly<Record<string, string>>): Readonly<Record<string, Expression>> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, expressionOf(text)]));
}

function operationsOf(changes: PolicyHeaderChanges | undefined): readonly HeaderOperation[] {
  const { set = {}, append = {}, remove = [] } = changes ?? {};
  const withValue = (operation: 'SET' | 'APPEND', values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, text]) => ({
      name: name.toLowerCase(),
      operation,
      value: expressionOf(text, 'STRING'),
    }));
  return [
    ...remove.map((name) => ({ name: name.toLowerCase(), operation: 'REMOVE' as const })),
    ...withValue('SET', set),
    ...withValue('APPEND', append),
  ];
}

function reportAction(report: PolicyReport, { resource, id, config }: Where, broken: BrokenRule[]): Action | undefined {
  const { namespace } = resource;
  const handlers = report.handlers.flatMap((reference) => {
    const found = resolveReference(config, reference, { namespace, kinds: handlerKinds });
    if (found !== undefined) return [handlerRefOf(found)];
    broken.push({ id, problem: `there is no handler ${reference}` });
    return [];
  });
  if (handlers.length === 0) return undefined;
  const { metric, log } = report;
  const fields: FieldExpressions = metric
    ? { value: expressionOf(metric.value ?? '1'), dimensions: expressionsOf(metric.dimensions ?? {}) }
    : {
        variables: expressionsOf(log?.variables ?? {}),
        severity: expressionOf(log?.severity ?? '"info"', 'STRING'),
        timestamp: expressionOf('request.time | context.time', 'TIMESTAMP'),
      };
  return { kind: 'report', handlers, instance: { name: id, template: metric ? 'metric' : 'logentry', fields } };
}
