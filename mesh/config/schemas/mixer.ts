// Mixer's configuration (istio.io/v1.4/docs/reference/config/policy-and-telemetry/istio.policy.v1beta1): handler, instance, rule, attributemanifest, quotas.
import { withSnakeCase } from './mixer-adapters.ts';
import { int32, list, map, object, oneOfNames, required, type Static, struct, text } from './schema.ts';

/** Schema of a handler's spec. */
export const handlerSchema = withSnakeCase(
  object({
    compiledAdapter: text,
    /** As `compiledAdapter`; also Istio's adapters out of process, which Periplus does not have. */
    adapter: text,
    /** A third party's npm package that exports `createHandler`: ours (docs/handlers/module.md). */
    module: text,
    params: struct,
    connection: withSnakeCase(object({ address: text, timeout: text, authentication: struct })),
  }),
);
/** A back end and its settings. */
export interface HandlerSpec extends Static<typeof handlerSchema> {}

/** Schema of an instance's spec. */
export const instanceSchema = withSnakeCase(
  object({ compiledTemplate: text, template: text, params: struct, attributeBindings: map(text) }),
);
/** A template, filled in by expressions. */
export interface InstanceSpec extends Static<typeof instanceSchema> {}

const headerOperation = object({
  name: required(text),
  values: list(text),
  operation: oneOfNames('REPLACE', 'REMOVE', 'APPEND'),
});
const ruleAction = object({ handler: text, instances: list(text), name: text });
/** Schema of a rule's spec. */
export const ruleSchema = withSnakeCase(
  object({
    match: text,
    actions: list(ruleAction),
    requestHeaderOperations: list(headerOperation),
    responseHeaderOperations: list(headerOperation),
    sampling: struct,
  }),
);
/** When `match` holds, instances go to handlers and headers are changed. */
export interface RuleSpec extends Static<typeof ruleSchema> {}
/** Instances to one handler. */
export interface RuleAction extends Static<typeof ruleAction> {}
/** One change of a header; each value is an expression. */
export interface HeaderOperationSpec extends Static<typeof headerOperation> {}

/** Schema of an attributemanifest's spec. */
export const attributeManifestSchema = object({
  revision: text,
  name: text,
  attributes: map(withSnakeCase(object({ description: text, valueType: text }))),
});
/** Attributes beside the vocabulary, with their types. */
export interface AttributeManifestSpec extends Static<typeof attributeManifestSchema> {}

const stringMatch = object({ exact: text, prefix: text, regex: text });
/** Schema of a QuotaSpec's spec. */
export const quotaSpecSchema = object({
  rules: list(
    object({
      match: list(object({ clause: map(stringMatch) })),
      quotas: list(object({ quota: required(text), charge: int32 })),
    }),
  ),
});
/** Which requests are charged against which quota instances. */
export interface QuotaSpecSpec extends Static<typeof quotaSpecSchema> {}

const reference = object({ name: required(text), namespace: text });
/** Schema of a QuotaSpecBinding's spec. */
export const quotaSpecBindingSchema = withSnakeCase(
  object({
    services: list(object({ name: text, namespace: text, domain: text, service: text, labels: map(text) })),
    quotaSpecs: list(reference),
  }),
);
/** Which services a QuotaSpec applies to. */
export interface QuotaSpecBindingSpec extends Static<typeof quotaSpecBindingSchema> {}
