// Istio's TCP metrics: a proxy tells its own agent of each connection that opens, goes on and ends, with the tags that the stats logger has too.
import { create } from '@bufbuild/protobuf';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import {
  CommonGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../../../gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { combinedTags, connectionLog, connectionMetrics } from '../../../../mesh/telemetry/metric-tags.ts';
import { accessLog } from './access-log.ts';
import { formattedTag } from './formatted-tag.ts';
import { celFormat, type MetricChoices, peerTags, type ReportPlace, wanted } from './stats-loggers.ts';

/** The logger of a TCP proxy; none where all metrics of connections are off. */
export function connectionLoggers(place: ReportPlace, choices: MetricChoices): readonly AccessLog[] {
  const metrics = wanted(connectionMetrics, choices);
  if (metrics.length === 0) return [];
  const tags = { ...peerTags(place), response_flags: '%RESPONSE_FLAGS%', [connectionLog.metrics]: metrics.join() };
  const own = metrics.flatMap((metric) => ownTags(metric, choices));
  const config = create(TcpGrpcAccessLogConfigSchema, {
    commonConfig: create(CommonGrpcAccessLogConfigSchema, {
      logName: connectionLog.name,
      grpcService: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: connectionLog.cluster } } },
      transportApiVersion: ApiVersion.V3,
      customTags: [...Object.entries(tags), ...own].map(([tag, format]) => formattedTag(tag, format)),
    }),
  });
  return [accessLog('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfigSchema, config)];
}

/** What Telemetries say of one metric's tags. */
function ownTags(metric: (typeof connectionMetrics)[number], choices: MetricChoices): readonly [string, string][] {
  const removed: string[] = [];
  const set: [string, string][] = [];
  for (const [tag, expression] of choices.get(metric)?.tags ?? []) {
    if (expression === undefined) removed.push(tag);
    else set.push([`${metric}/${tag}`, celFormat(expression)]);
  }
  if (removed.length === 0) return set;
  return [...set, [`${metric}/${combinedTags.removed}`, removed.sort().join()]];
}
