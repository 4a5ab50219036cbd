// Which statistics a proxy keeps, and how their names become labels. Pure.
import type { Json } from './proxy-node.ts';

/** Istio's proxyStatsMatcher: a statistic is kept when one of these fits its name. */
export interface StatsInclusion {
  readonly prefixes?: readonly string[];
  readonly suffixes?: readonly string[];
  /** RE2 syntax. */
  readonly regexps?: readonly string[];
}

/** Kept whatever is asked for: readiness is read from them. */
const neededPrefixes = ['server', 'cluster_manager', 'listener_manager', 'cluster.xds-grpc'];

/** envoy.config.metrics.v3.StatsConfig as proto3 JSON. Without `inclusion` all statistics are kept. */
export function statsConfig(inclusion?: StatsInclusion): Json {
  return { use_all_default_tags: false, stats_tags: tags, ...(inclusion && { stats_matcher: matcherOf(inclusion) }) };
}

function matcherOf({ prefixes = [], suffixes = [], regexps = [] }: StatsInclusion): Json {
  return {
    inclusion_list: {
      patterns: [
        ...[...neededPrefixes, ...prefixes].map((prefix) => ({ prefix })),
        ...suffixes.map((suffix) => ({ suffix })),
        ...regexps.map((regex) => ({ safe_regex: { regex } })),
      ],
    },
  };
}

/** First words of Envoy's statistics of a cluster (…/operations/…/cluster_stats): they end a name that itself holds dots. */
const clusterStatistics = [
  'assignment|bind_errors|canary|circuit_breakers|client_ssl|default\\.total|ejections|external|http[123]|init_fetch|internal',
  'lb_|load_report|max_host|membership|original_dst|outlier|retry|ssl|tls_inspector|update_|upstream_|version|warming|zone',
].join('|');

/** Tags that Envoy's own rules give; those of what a proxy here does not do (Mongo, DynamoDB, …) are left out. */
const defaultTags = [
  'response_code',
  'response_code_class',
  'listener_address',
  'tcp_prefix',
  'rds_route_config',
].concat([
  'virtual_host',
  'virtual_cluster',
  'worker_id',
  'ssl_cipher',
  'ssl_version',
  'ratelimit_prefix',
  'ext_authz_prefix',
]);

/**
 * Envoy's default tags, but two of them as Istio names things: the cluster `outbound|9080|v1|reviews.default.svc.cluster.local`
 * and the prefix `inbound_127.10.0.3_9080` hold dots, at the first of which Envoy's own rules would cut them. A name that the mesh configuration words ends in a semicolon. First group: what
 * leaves the name; second: the value.
 */
const tags: readonly Json[] = [
  {
    tag_name: 'envoy.cluster_name',
    regex: `^cluster\\.(([^;]+(?=;)|(?:outbound|inbound)\\|[^|]*\\|[^|]*\\|(?:.*?\\.svc\\.cluster\\.local|.*?(?=\\.(?:${clusterStatistics})))|[^.|]+);?\\.)`,
  },
  {
    tag_name: 'envoy.http_conn_manager_prefix',
    regex: '^(?:listener\\..+?\\.)?http\\.(((?:inbound|outbound)_(?:\\d+\\.){3}\\d+_\\d+|[^.]+)\\.)',
  },
  ...defaultTags.map((name) => ({ tag_name: `envoy.${name}` })),
];
