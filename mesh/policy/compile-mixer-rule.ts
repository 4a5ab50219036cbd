// A rule of config.istio.io/v1alpha2, compiled: each of its actions, for each instance, is a rule of ours.
import type { ConfigResource } from '../../events/model.ts';
import type { HeaderOperationSpec, RuleAction, RuleSpec } from '../config/schemas/mixer.ts';
import {
  adapterTemplates,
  type DenierParams,
  type ListcheckerParams,
  type MemquotaParams,
  type RedisquotaParams,
} from '../config/schemas/mixer-adapters.ts';
import type { ConfigView } from '../snapshot.ts';
import { expressionOf } from './compile-policy-rule.ts';
import type { Expression } from './expression/expression.ts';
import { chargesOf, limitFor } from './quota-charges.ts';
import { handlerKinds, handlerRefOf, instanceKinds, instanceParts, resolveReference } from './references.ts';
import {
  type Action,
  type BrokenRule,
  type Denial,
  type HandlerRef,
  type HeaderOperation,
  httpStatusOf,
  type InstanceTemplate,
  type PolicyRule,
  type PolicySet,
} from './rules.ts';
import { compileFields } from './template-fields.ts';
import { isTemplate, templates } from './templates.ts';

/** Adapters that only gave attributes: here Pilot and the proxies do. Rules that use them have nothing to do. */
const attributeAdapters: readonly string[] = ['kubernetesenv', 'noop'];

/** See the file's first line. */
export function mixerRule(resource: ConfigResource<RuleSpec>, config: ConfigView): PolicySet {
  const { kind, namespace, name, spec } = resource;
  const id = `${kind}/${namespace}/${name}`;
  const when = spec.match === undefined || spec.match === '' ? undefined : expressionOf(spec.match, 'BOOL');
  const broken: BrokenRule[] = [];
  const actions = (spec.actions ?? []).flatMap((action) => actionsOf(action, { resource, config, id, broken }));
  const request = (spec.requestHeaderOperations ?? []).flatMap(operationOf);
  const response = (spec.responseHeaderOperations ?? []).flatMap(operationOf);
  const headers: Action[] = request.length + response.length > 0 ? [{ kind: 'headers', request, response }] : [];
  const rules = [...actions, ...headers].map(
    (action, index): PolicyRule => ({
      id: `${id}[${index}]`,
      resource: { kind, namespace, name },
      selector: {},
      when,
      action,
    }),
  );
  return { rules, broken };
}

interface Where {
  readonly resource: ConfigResource<RuleSpec>;
  readonly config: ConfigView;
  readonly id: string;
  readonly broken: BrokenRule[];
}

function actionsOf({ handler: reference = '', instances = [] }: RuleAction, where: Where): readonly Action[] {
  const { config, id, broken, resource } = where;
  const { namespace } = resource;
  const found = resolveReference(config, reference, { namespace, kinds: handlerKinds });
  if (found === undefined) {
    broken.push({ id, problem: `there is no handler ${JSON.stringify(reference)}` });
    return [];
  }
  const handler = handlerRefOf(found);
  if (attributeAdapters.includes(handler.adapter)) return [];
  const given = new Set<string>();
  return instances.flatMap((name) => {
    const instance = instanceOf(name, where);
    if (instance === undefined) return [];
    const key = `${instance.template}/${instance.name}`;
    if (given.has(key)) {
      broken.push({ id, problem: `the instance ${JSON.stringify(name)} is given to handler ${handler.name} twice` });
      return [];
    }
    given.add(key);
    const problem = misfit(handler, instance);
    if (problem === undefined) return actionsWith(handler, instance, where);
    broken.push({ id, problem });
    return [];
  });
}

/** Why a handler can't be given an instance; a module's templates are its own matter. */
function misfit({ adapter, module, name }: HandlerRef, { template, name: instance }: InstanceTemplate) {
  const taken = module === undefined ? adapterTemplates.get(adapter) : undefined;
  if (taken === undefined || template === 'reportnothing' || taken.includes(template)) return undefined;
  return `handler ${name} (${adapter}) takes instances of ${taken.join(' and ')}, and ${instance} is a ${template}`;
}

function instanceOf(reference: string, { resource, config, id, broken }: Where): InstanceTemplate | undefined {
  const { namespace } = resource;
  const found = resolveReference(config, reference, { namespace, kinds: instanceKinds });
  if (found === undefined) {
    broken.push({ id, problem: `there is no instance ${JSON.stringify(reference)}` });
    return undefined;
  }
  const { template, params } = instanceParts(found);
  if (!isTemplate(template)) return undefined;
  const problems: string[] = [];
  const fields = compileFields(template, params, (path, message) => problems.push(`${path.join('.')}: ${message}`));
  if (problems.length === 0) return { name: `${found.name}.${found.namespace}`, template, fields };
  broken.push({ id, problem: `instance ${reference}: ${problems.join('; ')}` });
  return undefined;
}

function actionsWith(handler: HandlerRef, instance: InstanceTemplate, { config, id, broken }: Where) {
  if (templates[instance.template].variety !== 'quota') return [actionOf(handler, instance)];
  const isOurs = handler.adapter === 'memquota' || handler.adapter === 'redisquota';
  const { quotas = [] } = isOurs ? (handler.params as Pick<MemquotaParams | RedisquotaParams, 'quotas'>) : {};
  if (isOurs && limitFor(quotas, instance.name) === undefined) {
    broken.push({ id, problem: `handler ${handler.name} has no limit for the instance ${instance.name}` });
    return [];
  }
  return [{ kind: 'quota' as const, handler, instance, charges: chargesOf(instance.name, config) }];
}

/** What needs no back end is carried out without one. */
function actionOf(handler: HandlerRef, instance: InstanceTemplate): Action {
  const { variety } = templates[instance.template];
  if (variety === 'report') return { kind: 'report', handlers: [handler], instance };
  if (handler.adapter === 'denier') return { kind: 'deny', denial: denierDenial(handler) };
  const list = handler.adapter === 'listchecker' ? staticList(handler, instance) : undefined;
  return list ?? { kind: 'check', handler, instance };
}

function denierDenial({ params, name }: HandlerRef): Denial {
  const { status } = params as DenierParams;
  // Mixer's default: FAILED_PRECONDITION.
  const code = status?.code ?? 9;
  return { code, httpStatus: httpStatusOf(code), message: `${name}:${status?.message ?? ''}` };
}

function staticList({ params, name }: HandlerRef, { fields }: InstanceTemplate): Action | undefined {
  const { providerUrl, overrides = [], entryType = 'STRINGS', blacklist = false } = params as ListcheckerParams;
  const { value } = fields;
  if (providerUrl || value === undefined || !isExpression(value)) return undefined;
  const mode = blacklist ? 'DENY' : 'ALLOW';
  const denial = { code: 7, httpStatus: 403, message: `${name}:rejected` };
  const list = { kind: 'list', value, type: entryType, mode, entries: overrides, denial } as const;
  const noAddress = { code: 3, httpStatus: 400, message: `${name}:no IP address` };
  return entryType === 'IP_ADDRESSES' ? { ...list, noAddress } : list;
}

function isExpression(value: unknown): value is Expression {
  return typeof value === 'object' && value !== null && 'evaluate' in value;
}

function operationOf({ name, values = [], operation = 'REPLACE' }: HeaderOperationSpec): readonly HeaderOperation[] {
  const header = name.toLowerCase();
  if (operation === 'REMOVE') return [{ name: header, operation: 'REMOVE' }];
  const expressions = values.map((text) => expressionOf(text, 'STRING'));
  // Each value is an operation of its own: of several that replace, the last stays.
  return expressions.map((value) => ({
    name: header,
    operation: operation === 'REPLACE' ? 'SET' : 'APPEND',
    value,
    omitEmpty: true,
  }));
}
