// What Pilot lets Envoy's stats logger write and the agent reads: names of statistics and of the tags that are not Istio's labels.

/** Prefix of the statistics in Envoy; its Prometheus page calls them `envoy_istio_…`. */
export const statsPrefix = 'istio';

/** Statistics by Istio's names (istio.io/latest/docs/reference/config/metrics), without the prefix. */
export const statNames = {
  REQUEST_COUNT: 'requests_total',
  REQUEST_DURATION: 'request_duration_milliseconds',
  REQUEST_SIZE: 'request_bytes',
  RESPONSE_SIZE: 'response_bytes',
  TCP_OPENED_CONNECTIONS: 'tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'tcp_connections_closed_total',
  TCP_SENT_BYTES: 'tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'response_messages_total',
} as const;

/** One of Istio's standard metrics, as Telemetry names it. */
export type StandardMetric = keyof typeof statNames;

/** All of them. */
export const standardMetrics = Object.keys(statNames) as readonly StandardMetric[];

/**
 * Tags that hold several facts in one text, so that Envoy formats one instead of ten. Parts are joined by `~`; a part that
 * Envoy does not know is `-`.
 */
export const combinedTags = {
  /** Reported by clients: `CLUSTER~SERVICE~WORKLOAD~EXTRA`, see `parseDestination`. */
  destination: 'periplus_destination',
  /** Reported by servers: the peer's `factsText`. */
  source: 'periplus_source',
  /** `HOST;NAME;NAMESPACE` of the service that a server stands for. */
  service: 'periplus_service',
  /** `REQUESTS,RESPONSES`: gRPC messages of a stream, each of which the counter counted once. */
  messages: 'periplus_messages',
  /** Labels that a Telemetry removes, joined by commas. */
  removed: 'periplus_removed',
} as const;

/** Name of the header, and of the filter state, in which a proxy tells the next one who calls: `factsText`. */
export const peerHeader = 'x-periplus-peer';
/** See `peerHeader`. */
export const peerState = 'periplus.peer';
/** Environment variable of an Envoy with its own `factsText`: configuration that many proxies share refers to it. */
export const ownFactsVariable = 'PERIPLUS_WORKLOAD';
/** Value of the node metadata PERIPLUS_TELEMETRY of a proxy whose Envoy has the stats logger and whose agent reads these tags. */
export const statsCapability = 'STATS';

/**
 * How an Envoy tells its agent of TCP connections (the agent's socket is the cluster; entries are gRPC access logs), because a counter
 * of Envoy's can't take the bytes of a connection that is still open: what it would add is all of them, each time.
 */
export const connectionLog = {
  /** Static cluster of the bootstrap. */
  cluster: 'agent-connections',
  /** Name of the log in the stream. */
  name: 'periplus-connections',
  /** Custom tag with the metrics that are wanted, joined by commas. A tag `METRIC/TAG` is for that metric alone. */
  metrics: 'periplus_metrics',
} as const;

/** Metrics of connections. */
export const connectionMetrics = [
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
] as const satisfies readonly StandardMetric[];
