// Parameters of Mixer's adapters (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters) and of those that Periplus adds.
import {
  double,
  duration,
  durationOrZero,
  flag,
  int32,
  list,
  map,
  type ObjectSchema,
  object,
  oneOfNames,
  required,
  type Static,
  struct,
  text,
  uint64,
} from './schema.ts';

/** Old files spell fields as their protos do: every camelCase field is read in snake_case too. */
export function withSnakeCase<S extends ObjectSchema>(schema: S): S {
  const aliases = Object.keys(schema.fields).flatMap((name) => {
    const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return snake === name ? [] : [[snake, name]];
  });
  return { ...schema, aliases: { ...schema.aliases, ...Object.fromEntries(aliases) } };
}

const rpcStatus = object({ code: int32, message: text, details: struct });

const denier = withSnakeCase(object({ status: rpcStatus, validDuration: durationOrZero, validUseCount: int32 }));
/** Parameters of denier. */
export interface DenierParams extends Static<typeof denier> {}

const listchecker = withSnakeCase(
  object({
    providerUrl: text,
    refreshInterval: duration,
    ttl: duration,
    cachingInterval: durationOrZero,
    cachingUseCount: int32,
    overrides: list(text),
    entryType: oneOfNames('STRINGS', 'CASE_INSENSITIVE_STRINGS', 'IP_ADDRESSES', 'REGEX'),
    blacklist: flag,
  }),
);
/** Parameters of listchecker. */
export interface ListcheckerParams extends Static<typeof listchecker> {}

const memquota = withSnakeCase(
  object({
    quotas: list(
      withSnakeCase(
        object({
          name: required(text),
          maxAmount: uint64,
          validDuration: durationOrZero,
          /** Not Mixer's: its memquota only rolls, which is the default. */
          rateLimitAlgorithm: oneOfNames('FIXED_WINDOW', 'ROLLING_WINDOW'),
          overrides: list(
            withSnakeCase(object({ dimensions: map(text), maxAmount: uint64, validDuration: durationOrZero })),
          ),
        }),
      ),
    ),
    minDeduplicationDuration: duration,
  }),
);
/** Parameters of memquota. */
export interface MemquotaParams extends Static<typeof memquota> {}

const redisquota = withSnakeCase(
  object({
    quotas: list(
      withSnakeCase(
        object({
          name: required(text),
          maxAmount: uint64,
          validDuration: duration,
          bucketDuration: durationOrZero,
          rateLimitAlgorithm: oneOfNames('FIXED_WINDOW', 'ROLLING_WINDOW'),
          overrides: list(withSnakeCase(object({ dimensions: map(text), maxAmount: uint64 }))),
        }),
      ),
    ),
    redisServerUrl: required(text),
    connectionPoolSize: uint64,
  }),
);
/** Parameters of redisquota. */
export interface RedisquotaParams extends Static<typeof redisquota> {}

const opa = withSnakeCase(
  object({ policy: list(text), checkMethod: text, failClose: flag, wasm: text, url: text, headers: map(text) }),
);
/** Parameters of opa: `wasm` (a compiled policy's path) and `url` (a server's) are ours, `policy` (Rego) the old adapter's. */
export interface OpaParams extends Static<typeof opa> {}

const buckets = withSnakeCase(
  object({
    linearBuckets: withSnakeCase(object({ numFiniteBuckets: int32, width: double, offset: double })),
    exponentialBuckets: withSnakeCase(object({ numFiniteBuckets: int32, growthFactor: double, scale: double })),
    explicitBuckets: object({ bounds: list(double) }),
  }),
);
const prometheus = withSnakeCase(
  object({
    metrics: list(
      withSnakeCase(
        object({
          namespace: text,
          name: text,
          instanceName: text,
          description: text,
          kind: oneOfNames('UNSPECIFIED', 'GAUGE', 'COUNTER', 'DISTRIBUTION'),
          labelNames: list(text),
          buckets,
        }),
      ),
    ),
    metricsExpirationPolicy: withSnakeCase(
      object({ metricsExpiryDuration: duration, expiryCheckIntervalDuration: duration }),
    ),
  }),
);
/** Parameters of prometheus. */
export interface PrometheusParams extends Static<typeof prometheus> {}

const level = oneOfNames('INFO', 'WARNING', 'ERROR');
const stdio = withSnakeCase(
  object({
    logStream: oneOfNames('STDOUT', 'STDERR', 'FILE', 'ROTATED_FILE'),
    severityLevels: map(level),
    metricLevel: level,
    outputAsJson: flag,
    outputLevel: level,
    outputPath: text,
    maxMegabytesBeforeRotation: int32,
    maxDaysBeforeRotation: int32,
    maxRotatedFiles: int32,
  }),
);
/** Parameters of stdio. */
export interface StdioParams extends Static<typeof stdio> {}

const statsd = withSnakeCase(
  object({
    address: text,
    prefix: text,
    flushDuration: duration,
    flushBytes: int32,
    samplingRate: double,
    metrics: map(
      withSnakeCase(object({ type: oneOfNames('UNKNOWN', 'COUNTER', 'GAUGE', 'DISTRIBUTION'), nameTemplate: text })),
    ),
  }),
);
/** Parameters of statsd. */
export interface StatsdParams extends Static<typeof statsd> {}

const fluentd = withSnakeCase(
  object({
    address: text,
    integerDuration: flag,
    instanceBufferSize: int32,
    maxBatchSizeBytes: int32,
    pushIntervalDuration: duration,
    pushTimeoutDuration: duration,
  }),
);
/** Parameters of fluentd. */
export interface FluentdParams extends Static<typeof fluentd> {}

const otlp = withSnakeCase(object({ endpoint: text, headers: map(text) }));
/** Parameters of otlp, which is ours: base URL of an OTLP/HTTP receiver (default `http://localhost:4318`) and headers for it. */
export interface OtlpParams extends Static<typeof otlp> {}

const kafka = withSnakeCase(object({ brokers: list(text), topic: required(text), clientId: text }));
/** Parameters of kafka, which is ours: `brokers` as HOST:PORT (default `localhost:9092`). */
export interface KafkaParams extends Static<typeof kafka> {}

const eventlog = object({ interval: duration });
/** Parameters of eventlog, which is ours: how much time one event sums up (default `1m`). */
export interface EventlogParams extends Static<typeof eventlog> {}

const noop = object({});
const kubernetesenv = withSnakeCase(
  object({ kubeconfigPath: text, cacheRefreshDuration: duration, clusterRegistriesNamespace: text }),
);

/** Schemas by adapter. A handler with `module` has parameters of its own, which its module checks. */
export const adapterSchemas: ReadonlyMap<string, ObjectSchema> = new Map<string, ObjectSchema>([
  ['denier', denier],
  ['listchecker', listchecker],
  ['memquota', memquota],
  ['redisquota', redisquota],
  ['opa', opa],
  ['prometheus', prometheus],
  ['stdio', stdio],
  ['statsd', statsd],
  ['fluentd', fluentd],
  ['otlp', otlp],
  ['kafka', kafka],
  ['eventlog', eventlog],
  ['noop', noop],
  ['kubernetesenv', kubernetesenv],
]);

/** Templates that each adapter takes; an action that gives one another has no effect, as in Mixer. */
export const adapterTemplates: ReadonlyMap<string, readonly string[]> = new Map([
  ['denier', ['checknothing', 'listentry', 'quota']],
  ['listchecker', ['listentry']],
  ['memquota', ['quota']],
  ['redisquota', ['quota']],
  ['opa', ['authorization']],
  ['prometheus', ['metric']],
  ['stdio', ['logentry', 'metric']],
  ['statsd', ['metric']],
  ['fluentd', ['logentry']],
  ['otlp', ['metric', 'logentry', 'tracespan']],
  ['kafka', ['metric', 'logentry']],
  ['eventlog', ['metric']],
]);

/** Adapters of Mixer's that Periplus does not have, with what to use instead. */
export const unsupportedAdapters: ReadonlyMap<string, string> = new Map([
  ['bypass', 'name a module'],
  ['circonus', 'use prometheus or otlp'],
  ['cloudwatch', 'use otlp'],
  ['dogstatsd', 'use statsd'],
  ['rbac', 'use AuthorizationPolicy'],
  ['servicecontrol', 'name a module'],
  ['signalfx', 'use otlp'],
  ['solarwinds', 'use otlp'],
  ['stackdriver', 'use otlp'],
  ['zipkin', 'use otlp'],
]);
