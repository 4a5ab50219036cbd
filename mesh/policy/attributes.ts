// The attribute vocabulary (istio.io/v1.4/docs/reference/config/policy-and-telemetry/attribute-vocabulary) with its types.

/** Types of attributes and expressions (istio.policy.v1beta1.ValueType). */
export type ValueType =
  | 'STRING'
  | 'INT64'
  | 'DOUBLE'
  | 'BOOL'
  | 'TIMESTAMP'
  | 'DURATION'
  | 'IP_ADDRESS'
  | 'EMAIL_ADDRESS'
  | 'DNS_NAME'
  | 'URI'
  | 'STRING_MAP';

/** All types, in the order of the documentation. */
export const valueTypes: readonly ValueType[] = [
  'STRING',
  'INT64',
  'DOUBLE',
  'BOOL',
  'TIMESTAMP',
  'DURATION',
  'IP_ADDRESS',
  'EMAIL_ADDRESS',
  'DNS_NAME',
  'URI',
  'STRING_MAP',
];

/**
 * A value at run time; its static type says how to read it: TIMESTAMP and DURATION are milliseconds (fractions allowed),
 * IP_ADDRESS, EMAIL_ADDRESS, DNS_NAME and URI are text in canonical form, so that equal values are the same text.
 */
export type AttributeValue = string | number | boolean | Readonly<Record<string, string>>;

/** The attributes of one request, connection or log entry. Undefined: absent. */
export interface Attributes {
  get(name: string): AttributeValue | undefined;
  /** One entry of a STRING_MAP; undefined when the map or the key is absent. */
  entry(name: string, key: string): string | undefined;
}

/** Attributes in groups that share a type; names of one group stand under its prefix. */
const table: readonly (readonly [ValueType, string])[] = [
  ['STRING', 'source.uid source.name source.namespace source.principal source.owner source.user source.service'],
  ['STRING', 'source.workload.uid source.workload.name source.workload.namespace'],
  ['IP_ADDRESS', 'source.ip destination.ip origin.ip'],
  ['STRING_MAP', 'source.labels destination.labels'],
  ['STRING', 'destination.uid destination.name destination.namespace destination.principal destination.owner'],
  ['STRING', 'destination.user destination.service destination.workload.uid destination.workload.name'],
  ['STRING', 'destination.workload.namespace destination.container.name destination.container.image'],
  ['STRING', 'destination.service.host destination.service.uid destination.service.name destination.service.namespace'],
  ['INT64', 'source.port destination.port'],
  ['STRING_MAP', 'request.headers request.query_params request.auth.claims response.headers'],
  ['STRING', 'request.id request.path request.url_path request.host request.method request.reason request.referer'],
  ['STRING', 'request.scheme request.useragent request.api_key'],
  ['STRING', 'request.auth.principal request.auth.audiences request.auth.presenter'],
  ['INT64', 'request.size request.total_size response.size response.total_size response.code'],
  ['TIMESTAMP', 'request.time response.time context.time'],
  ['DURATION', 'response.duration connection.duration'],
  ['STRING', 'response.grpc_status response.grpc_message'],
  ['STRING', 'connection.id connection.event connection.requested_server_name'],
  ['BOOL', 'connection.mtls'],
  [
    'INT64',
    'connection.received.bytes connection.received.bytes_total connection.sent.bytes connection.sent.bytes_total',
  ],
  ['STRING', 'context.protocol context.reporter.kind context.reporter.uid context.proxy_error_code'],
  // Named in the attribute manifests of Istio's installations; docs/reference/attributes.md has which of all are ever filled.
  ['STRING', 'origin.uid origin.user source.cluster.id destination.cluster.id context.proxy_version'],
  ['STRING', 'rbac.permissive.response_code rbac.permissive.effective_policy_id request.auth.raw_claims'],
  ['STRING', 'api.service api.version api.operation api.protocol'],
  ['INT64', 'check.error_code'],
  ['STRING', 'check.error_message'],
  ['BOOL', 'check.cache_hit quota.cache_hit'],
];

/** Types by attribute name. */
export const vocabulary: ReadonlyMap<string, ValueType> = new Map(
  table.flatMap(([type, names]) => names.split(' ').map((name) => [name, type] as const)),
);

/** Older names, as the documentation of Istio 0.2 to 1.0 has them, and what they are called now. */
export const olderNames: ReadonlyMap<string, string> = new Map([
  ['source.user', 'source.principal'],
  ['destination.user', 'destination.principal'],
  ['destination.service', 'destination.service.host'],
]);

/** Attributes over a plain record. */
export function attributesOf(record: Readonly<Record<string, AttributeValue>>): Attributes {
  const values = new Map(Object.entries(record));
  return attributesBy((name) => values.get(name));
}

/** Attributes that `get` looks up or computes. */
export function attributesBy(get: (name: string) => AttributeValue | undefined): Attributes {
  return {
    get,
    entry: (name, key) => {
      const map = get(name);
      return typeof map === 'object' && Object.hasOwn(map, key) ? map[key] : undefined;
    },
  };
}

/** A value as text: maps as JSON. */
export function textOf(value: AttributeValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
