// Istio's standard metrics from stock Envoy: its stats logger counts where requests end, with tags that the agent unfolds when it is asked.
import { create } from '@bufbuild/protobuf';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
} from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import {
  type Config,
  Config_Histogram_Unit,
  type Config_Stat,
  ConfigSchema,
} from '../../../../gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import {
  combinedTags,
  peerState,
  type StandardMetric,
  statNames,
  statsPrefix,
} from '../../../../mesh/telemetry/metric-tags.ts';
import { accessLog } from './access-log.ts';
import type { MetricChoice } from './effective-metrics.ts';
import type { Side } from './effective-telemetry.ts';

/** What a listener's chain tells its loggers. */
export interface ReportPlace {
  readonly side: Side;
  /** The service that a server's port stands for. */
  readonly service?: { readonly host: string; readonly name: string; readonly namespace: string };
  /** Whether clients come in over mutual TLS of the mesh. */
  readonly isMutualTls?: boolean;
}

/** Changes that Telemetries ask for, by metric. */
export type MetricChoices = ReadonlyMap<StandardMetric, MetricChoice>;

/**
 * Series that one Envoy keeps at most: tags come from requests, some from clients that nobody vouches for. Istio's dashboards
 * need some hundreds; a counter takes 1 KB or less, a histogram about 20 KB.
 */
const loggerScope = {
  statsScope: { prefix: statsPrefix, sharingName: statsPrefix, maxCounters: 10_000, maxHistograms: 2_000 },
} as const;

/** Loggers of an HTTP connection manager; none where all metrics are off. */
export function httpStatsLoggers(place: ReportPlace, choices: MetricChoices): readonly AccessLog[] {
  const tags: Tags = { ...peerTags(place), ...responseTags };
  const requests = create(ConfigSchema, {
    ...loggerScope,
    counters: wanted(['REQUEST_COUNT'], choices).map((metric) => count(metric, tags, choices)),
    histograms: wanted(['REQUEST_DURATION', 'REQUEST_SIZE', 'RESPONSE_SIZE'], choices).map((metric) => ({
      stat: statOf(metric, tags, choices),
      unit: metric === 'REQUEST_DURATION' ? Config_Histogram_Unit.Milliseconds : Config_Histogram_Unit.Bytes,
      valueFormat: histogramValues[metric],
    })),
  });
  const withMessages = { ...tags, [combinedTags.messages]: '%FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%' };
  const messages = create(ConfigSchema, {
    ...loggerScope,
    counters: wanted(['GRPC_REQUEST_MESSAGES', 'GRPC_RESPONSE_MESSAGES'], choices).map((metric) =>
      count(metric, withMessages, choices),
    ),
  });
  return [...logger(requests), ...logger(messages, isGrpc)];
}

const histogramValues = {
  REQUEST_DURATION: '%DURATION%',
  REQUEST_SIZE: '%BYTES_RECEIVED%',
  RESPONSE_SIZE: '%BYTES_SENT%',
} as const;

/** Format strings by tag. */
export type Tags = Readonly<Record<string, string>>;

const responseTags: Tags = {
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  grpc_response_status: '%GRPC_STATUS_NUMBER%',
};

/** Tags that tell both ends of a request or a connection. */
export function peerTags({ side, service, isMutualTls }: ReportPlace): Tags {
  if (side === 'CLIENT') {
    const known = ['UPSTREAM_METADATA(istio:workload)', 'UPSTREAM_METADATA(periplus:app)'];
    const parts = ['UPSTREAM_CLUSTER_RAW', 'CLUSTER_METADATA(periplus:service)', ...known];
    return {
      reporter: 'source',
      [combinedTags.destination]: parts.map((part) => `%${part}%`).join('~'),
      source_principal: '%UPSTREAM_LOCAL_URI_SAN%',
      destination_principal: '%UPSTREAM_PEER_URI_SAN%',
    };
  }
  return {
    reporter: 'destination',
    [combinedTags.source]: `%FILTER_STATE(${peerState}:PLAIN)%`,
    ...(service ? { [combinedTags.service]: `${service.host};${service.name};${service.namespace}` } : {}),
    source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
    destination_principal: '%DOWNSTREAM_LOCAL_URI_SAN%',
    connection_security_policy: isMutualTls ? 'mutual_tls' : 'none',
  };
}

/** Those that no Telemetry switches off. */
export function wanted<Metric extends StandardMetric>(
  metrics: readonly Metric[],
  choices: MetricChoices,
): readonly Metric[] {
  return metrics.filter((metric) => choices.get(metric)?.isDisabled !== true);
}

function count(metric: StandardMetric, tags: Tags, choices: MetricChoices) {
  return { stat: statOf(metric, tags, choices), valueFixed: 1n };
}

function statOf(metric: StandardMetric, tags: Tags, choices: MetricChoices): Config_Stat {
  const all = new Map(Object.entries(tags));
  const removed: string[] = [];
  for (const [tag, expression] of choices.get(metric)?.tags ?? []) {
    if (expression === undefined) {
      removed.push(tag);
      // What is not formatted costs nothing and makes no series.
      if (tag in responseTags || tag.endsWith('_principal')) all.delete(tag);
    } else all.set(tag, celFormat(expression));
  }
  if (removed.length > 0) all.set(combinedTags.removed, removed.sort().join());
  const list = [...all].map(([name, valueFormat]) => ({ name, valueFormat }));
  return create(ConfigSchema, { counters: [{ stat: { name: statNames[metric], tags: list } }] }).counters[0]
    ?.stat as Config_Stat;
}

/** A literal needs no evaluation; anything else is Envoy's to evaluate. */
export function celFormat(expression: string): string {
  const literal = /^\s*(?:"([^"\\%]*)"|'([^'\\%]*)')\s*$/.exec(expression);
  return literal ? literal[1] || literal[2] || '-' : `%CEL(${expression})%`;
}

function logger(config: Config, filter?: AccessLogFilter): AccessLog[] {
  if (config.counters.length + config.histograms.length === 0) return [];
  return [accessLog('envoy.access_loggers.stats', ConfigSchema, config, filter)];
}

/** Only such streams have the state that the gRPC statistics filter leaves; without it the logger would complain each time. */
const isGrpc = create(AccessLogFilterSchema, {
  filterSpecifier: {
    case: 'headerFilter',
    value: {
      header: {
        name: 'content-type',
        headerMatchSpecifier: {
          case: 'stringMatch',
          value: { matchPattern: { case: 'prefix', value: 'application/grpc' } },
        },
      },
    },
  },
});
