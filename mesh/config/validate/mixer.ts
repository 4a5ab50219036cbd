// Validates Mixer's kinds: adapters and templates that exist, their parameters, and every expression.
import { valueTypes, vocabulary } from '../../policy/attributes.ts';
import { isPackageName } from '../../policy/module-name.ts';
import { compileFields } from '../../policy/template-fields.ts';
import { isTemplate, templates } from '../../policy/templates.ts';
import { checkSchema, isRecord } from '../check-schema.ts';
import { durationMs } from '../quantities.ts';
import type { AttributeManifestSpec, HandlerSpec, InstanceSpec, QuotaSpecSpec, RuleSpec } from '../schemas/mixer.ts';
import {
  adapterSchemas,
  type EventlogParams,
  type ListcheckerParams,
  type OpaParams,
  type PrometheusParams,
  type RedisquotaParams,
  type StdioParams,
  unsupportedAdapters,
} from '../schemas/mixer-adapters.ts';
import { templateKinds } from '../schemas/mixer-kinds.ts';
import { didYouMean } from '../suggest-name.ts';
import { checkExpression } from './expression.ts';
import { checkListTimes, checkPrometheus, checkRedisquota, checkStdio } from './mixer-adapter.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkHeaderName, checkListEntry, checkListSource, checkRefresh } from './policy.ts';
import { re2Fault } from './regex.ts';

/** A handler. */
export const validateHandler: SpecValidator<HandlerSpec> = (spec, place) => {
  const { compiledAdapter, adapter, module, params = {}, connection } = spec;
  if (module !== undefined) {
    if (!isPackageName(module))
      place.at('module').error('expected the name of an npm package that is installed beside Periplus, no path or URL');
    return;
  }
  const name = compiledAdapter ?? adapter;
  if (connection !== undefined) checkConnection(name, place.at('connection'));
  if (name === undefined) {
    place.at('compiledAdapter').error('is required: the adapter, such as denier (or module, an npm module)');
    return;
  }
  const at = place.at(compiledAdapter === undefined ? 'adapter' : 'compiledAdapter');
  const instead = unsupportedAdapters.get(name);
  const schema = adapterSchemas.get(name);
  if (instead !== undefined) at.error(`Periplus does not have the adapter ${name}: ${instead}`);
  else if (schema === undefined)
    at.error(`unknown adapter ${JSON.stringify(name)}${didYouMean(name, [...adapterSchemas.keys()])}`);
  else {
    const below = place.at('params');
    let isSound = true;
    const checked = checkSchema(schema, params, [], {
      report: (path, message) => {
        isSound = false;
        below.at(...path).error(message);
      },
    });
    checkAdapter(name, checked, below);
    if (isSound) checkSoundAdapter(name, checked, below);
  }
};

/** `connection` is the way to an adapter out of process. */
function checkConnection(adapter: string | undefined, place: Place): void {
  if (adapter !== undefined && adapterSchemas.has(adapter)) place.warn(`has no effect: ${adapter} is built in`);
  else place.error('Periplus does not call adapters out of process: name an npm module (docs/handlers/module.md)');
}

/** A handler of one of the older kinds, whose spec is its parameters. */
export function validateAdapterKind(name: string): SpecValidator<unknown> {
  return (spec, place) => {
    checkAdapter(name, spec, place);
    checkSoundAdapter(name, spec, place);
  };
}

function checkAdapter(name: string, params: unknown, place: Place): void {
  if (name === 'kubernetesenv') place.warn('has no effect: Pilot knows the workloads, and proxies have the attributes');
  if (!isRecord(params)) return;
  if (name === 'opa') checkOpa(params as OpaParams, place);
  if (name === 'eventlog' && (durationMs((params as EventlogParams).interval ?? '1m') ?? 0) < 10_000)
    place.at('interval').error('expected at least 10s: each event stays in the log');
  if (name === 'listchecker') checkListchecker(params as ListcheckerParams, place);
}

/** What is asked only of parameters that have passed the adapter's schema. */
function checkSoundAdapter(name: string, params: unknown, place: Place): void {
  if (name === 'listchecker') checkListTimes(params as ListcheckerParams, place);
  if (name === 'stdio') checkStdio(params as StdioParams, place);
  if (name === 'redisquota') checkRedisquota(params as RedisquotaParams, place);
  if (name === 'prometheus') checkPrometheus(params as PrometheusParams, place);
}

function checkListchecker(params: ListcheckerParams, place: Place): void {
  const { overrides, entryType = 'STRINGS', providerUrl, refreshInterval } = params;
  if (providerUrl) checkListSource(providerUrl, place.at('providerUrl'));
  if (refreshInterval !== undefined) checkRefresh(refreshInterval, place.at('refreshInterval'));
  forEachAt(Array.isArray(overrides) ? overrides : [], place.at('overrides'), (entry, at) => {
    if (typeof entry === 'string') checkListEntry(entry, entryType, at);
  });
}

/** Mixer's other languages of expressions (annotation of a rule or an instance). */
const languageAnnotation = 'policy.istio.io/lang';

/** Reports a language of expressions that is not the one there is. */
export function checkLanguage(annotations: Readonly<Record<string, string>>, place: Place): void {
  const language = annotations[languageAnnotation];
  if (language !== undefined && language !== 'CEXL')
    place.at(languageAnnotation).warn(`expressions are Mixer's CEXL, not ${language}: what it can't read is refused`);
}

function checkOpa({ wasm, url, policy }: OpaParams, place: Place): void {
  if (url !== undefined && !/^https?:\/\//.test(url)) place.at('url').error('expected a URL (https://…)');
  if (wasm && policy?.length) place.at('policy').warn('has no effect: the compiled policy in wasm decides');
  if (wasm || url) return;
  const todo =
    'opa build -t wasm -e mixerauthz/allow policy.rego, and name the policy.wasm of its bundle in wasm; or name an OPA server in url, which is given the policy';
  if (policy?.length) place.at('policy').error(`Periplus does not compile Rego: ${todo}`);
  else place.error(`give wasm, the path of a compiled policy, or url, an OPA server: ${todo}`);
}

/** An instance. */
export const validateInstance: SpecValidator<InstanceSpec> = (spec, place) => {
  const { compiledTemplate, template, params = {}, attributeBindings } = spec;
  const name = compiledTemplate ?? template;
  if (attributeBindings !== undefined && name !== 'kubernetes')
    place.at('attributeBindings').warn('has no effect: only instances of kubernetes gave attributes');
  const at = place.at(template !== undefined && compiledTemplate === undefined ? 'template' : 'compiledTemplate');
  if (name === undefined) at.error('is required: the template, such as listentry');
  else checkTemplate(name, params, { place: at, params: place.at('params') });
};

/** An instance of one of the older kinds, whose spec is its fields. */
export function validateTemplateKind(name: string): SpecValidator<Readonly<Record<string, unknown>>> {
  return (spec, place) => checkTemplate(name, spec, { place, params: place });
}

function checkTemplate(
  name: string,
  params: Readonly<Record<string, unknown>>,
  at: { readonly place: Place; readonly params: Place },
): void {
  if (name === 'kubernetes') at.place.warn('has no effect: Pilot knows the workloads, and proxies have the attributes');
  else if (isTemplate(name)) compileFields(name, params, (path, message) => at.params.at(...path).error(message));
  else if (templateKinds.includes(name)) at.place.warn('has no effect');
  else at.place.error(`unknown template ${JSON.stringify(name)}${didYouMean(name, Object.keys(templates))}`);
}

/** A rule. What it refers to may come later: `periplus policy explain` names what is missing. */
export const validateRule: SpecValidator<RuleSpec> = (spec, place) => {
  if (spec.match) checkExpression(spec.match, place.at('match'), 'BOOL');
  if (spec.sampling) place.at('sampling').warn('is not carried out: every request counts');
  forEachAt(spec.actions, place.at('actions'), (action, at) => {
    if (!action.handler) at.at('handler').error('is required');
  });
  for (const field of ['requestHeaderOperations', 'responseHeaderOperations'] as const)
    forEachAt(spec[field], place.at(field), ({ name, values = [], operation }, at) => {
      checkHeaderName(name, at.at('name'));
      if (operation !== 'REMOVE' && values.length === 0) at.at('values').error('expected at least one expression');
      forEachAt(values, at.at('values'), (text, where) => {
        checkExpression(text, where, 'STRING');
      });
    });
};

/** An attributemanifest: what it says of known attributes has to agree; others exist, and nothing fills them. */
export const validateAttributeManifest: SpecValidator<AttributeManifestSpec> = (spec, place) => {
  for (const [name, { valueType = 'STRING' }] of Object.entries(spec.attributes ?? {})) {
    const at = place.at('attributes', name);
    const known = vocabulary.get(name);
    if (!(valueTypes as readonly string[]).includes(valueType))
      at.at('valueType').error(`expected one of ${valueTypes.join(', ')}, found ${JSON.stringify(valueType)}`);
    else if (known === undefined) at.warn('is not in the vocabulary: nothing fills it, and expressions do not know it');
    else if (known !== valueType) at.at('valueType').error(`${name} is of type ${known}`);
  }
};

/** A QuotaSpec. */
export const validateQuotaSpec: SpecValidator<QuotaSpecSpec> = (spec, place) => {
  forEachAt(spec.rules, place.at('rules'), ({ match, quotas }, at) => {
    forEachAt(match, at.at('match'), ({ clause = {} }, inner) => {
      for (const [name, { regex }] of Object.entries(clause)) {
        const where = inner.at('clause', name);
        if (!vocabulary.has(name)) where.error(`unknown attribute${didYouMean(name, [...vocabulary.keys()])}`);
        const fault = regex === undefined ? undefined : re2Fault(regex);
        if (fault !== undefined) where.at('regex').error(`is no regular expression of RE2: ${fault}`);
      }
    });
    forEachAt(quotas, at.at('quotas'), ({ charge = 1 }, inner) => {
      if (charge < 1) inner.at('charge').error('expected at least 1');
    });
  });
};
