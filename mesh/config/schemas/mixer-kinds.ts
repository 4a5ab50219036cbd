// The kinds of Mixer's configuration, the older ones (one kind an adapter, one a template) among them.

import {
  attributeManifestSchema,
  handlerSchema,
  instanceSchema,
  quotaSpecBindingSchema,
  quotaSpecSchema,
  ruleSchema,
} from './mixer.ts';
import { adapterSchemas } from './mixer-adapters.ts';
import { policySchema } from './policy.ts';
import { anything, map, type Schema } from './schema.ts';

/** API group and version of Mixer's configuration. */
export const mixerApiVersion = 'config.istio.io/v1alpha2';
/** Of the plain Policy. */
export const policyApiVersion = 'policy.periplus.io/v1';

/** Kinds named after a template: their spec is what `params` is in an `instance`. */
export const templateKinds: readonly string[] = [
  'apikey',
  'authorization',
  'checknothing',
  'edge',
  'kubernetes',
  'listentry',
  'logentry',
  'metric',
  'quota',
  'reportnothing',
  'tracespan',
];

/** Any fields: the validator checks them against the template. */
const templateFields: Schema = map(anything);

/** Name, API version and schema of each. */
export const mixerKinds: readonly (readonly [kind: string, apiVersion: string, schema: Schema])[] = [
  ['Policy', policyApiVersion, policySchema],
  ['handler', mixerApiVersion, handlerSchema],
  ['instance', mixerApiVersion, instanceSchema],
  ['rule', mixerApiVersion, ruleSchema],
  ['attributemanifest', mixerApiVersion, attributeManifestSchema],
  ['QuotaSpec', mixerApiVersion, quotaSpecSchema],
  ['QuotaSpecBinding', mixerApiVersion, quotaSpecBindingSchema],
  ...[...adapterSchemas].map(([name, schema]) => [name, mixerApiVersion, schema] as const),
  ...templateKinds.map((name) => [name, mixerApiVersion, templateFields] as const),
];
