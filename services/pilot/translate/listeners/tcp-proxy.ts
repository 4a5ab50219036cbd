// Network filter chains that forward bytes: Envoy's TCP proxy to one cluster or to weighted ones.

import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { type Filter, FilterSchema } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { MongoProxySchema } from '../../../../gen/envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy_pb.js';
import {
  type TcpProxy,
  TcpProxySchema,
} from '../../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { type MergedRule, subsetOf } from '../destination-rules.ts';
import { bracketed } from '../routes/domains.ts';
import { durationOf, durationOfMs } from '../routes/duration.ts';
import { tcpHashPolicy } from '../routes/hash-policy.ts';
import type { ListenerPortProtocol } from '../routes/protocol.ts';
import type { ReportPlace } from '../telemetry/stats-loggers.ts';
import type { WorkloadTelemetry } from '../telemetry/workload-telemetry.ts';

/** Where a TCP proxy sends connections. */
export interface TcpTarget {
  readonly statPrefix: string;
  /** One: all connections. Several: by weight. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  /** Subset of a single destination; its own settings come before its rule's. */
  readonly subset: string;
  /** DestinationRule of the (first) destination: idle timeout, hash policy, tunnel. */
  readonly rule: MergedRule | undefined;
  /** Whether the rule's tunnel is left out: mutual TLS that is passed on goes as it is. */
  readonly withoutTunnel?: true;
}

/** Who reports a TCP proxy's connections, and as what. */
export interface TcpReport {
  readonly telemetry: WorkloadTelemetry;
  readonly place: ReportPlace;
  /** Its proxy's: how long, in ms, connections may be idle where no DestinationRule says (node metadata IDLE_TIMEOUT). */
  readonly mesh: Pick<MeshConfig, 'httpIdleTimeoutMs'>;
  /** Of policies, beside the telemetry's own. */
  readonly reportLogs?: readonly AccessLog[];
}

/** A TCP proxy; before it, on ports of MongoDB, the filter that counts what is asked there (`mongo.STAT_PREFIX.*`), as Istio has it by default. */
export function tcpFilters(target: TcpTarget, report: TcpReport, protocol: ListenerPortProtocol): Filter[] {
  const proxy = tcpProxyFilter(target, report);
  if (protocol !== 'Mongo') return [proxy];
  const value = anyPack(MongoProxySchema, create(MongoProxySchema, { statPrefix: target.statPrefix }));
  const mongo = { name: 'envoy.filters.network.mongo_proxy', configType: { case: 'typedConfig' as const, value } };
  return [create(FilterSchema, mongo), proxy];
}

/** A TCP proxy; `report` undefined leaves out the access log, as chains that only drop connections do. */
export function tcpProxyFilter(target: TcpTarget, report: TcpReport | undefined): Filter {
  const { rule, statPrefix } = target;
  const tcp = rule?.trafficPolicy?.connectionPool?.tcp;
  const ownIdleMs = report?.mesh.httpIdleTimeoutMs;
  const ownIdle = ownIdleMs === undefined ? undefined : durationOfMs(ownIdleMs);
  const idleTimeout = tcp?.idleTimeout === undefined ? ownIdle : durationOf(tcp.idleTimeout);
  const proxy = create(TcpProxySchema, {
    statPrefix,
    clusterSpecifier: clusterSpecifier(target),
    ...(report ? accessLogs(report) : {}),
    hashPolicy: tcpHashPolicy(rule, target.subset),
    ...(idleTimeout === undefined ? {} : { idleTimeout }),
    ...(tcp?.maxConnectionDuration === undefined
      ? {}
      : { maxDownstreamConnectionDuration: durationOf(tcp.maxConnectionDuration) }),
    ...tunneling(target),
  });
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: { case: 'typedConfig', value: anyPack(TcpProxySchema, proxy) },
  });
}

/** Between two reports to Mixer of a connection that is open, where telemetry does not say: as Mixer's client had it. */
const reportMs = 10_000;

/** With entries when a connection opens and while it is open, where somebody wants them. */
function accessLogs({ telemetry, place, reportLogs = [] }: TcpReport) {
  const isReported = reportLogs.length > 0;
  const accessLog = [...telemetry.tcpLogs(place, isReported), ...reportLogs];
  const intervalMs = telemetry.connectionReportMs ?? (isReported ? reportMs : undefined);
  if (intervalMs === undefined) return { accessLog };
  const accessLogOptions = { flushAccessLogOnConnected: true, accessLogFlushInterval: durationOfMs(intervalMs) };
  return { accessLog, accessLogOptions };
}

/** Everything to one cluster, which is its statistics' name too. */
export function toCluster(name: string): TcpTarget {
  return { statPrefix: name, clusters: [{ name, weight: 1 }], subset: '', rule: undefined };
}

function clusterSpecifier({ clusters }: TcpTarget): TcpProxy['clusterSpecifier'] {
  const [first] = clusters;
  if (clusters.length === 1 && first !== undefined) return { case: 'cluster', value: first.name };
  const value = { clusters: clusters.map(({ name, weight }) => ({ name, weight })) };
  return create(TcpProxySchema, { clusterSpecifier: { case: 'weightedClusters', value } }).clusterSpecifier;
}

/** DestinationRule's `tunnel`: bytes go through a CONNECT (or POST) request. */
function tunneling({ rule, subset, withoutTunnel }: TcpTarget) {
  if (withoutTunnel) return {};
  const policy = subset ? subsetOf(rule, subset)?.trafficPolicy : rule?.trafficPolicy;
  const tunnel = policy?.tunnel;
  if (tunnel === undefined) return {};
  const { targetHost, targetPort, protocol } = tunnel;
  return { tunnelingConfig: { hostname: `${bracketed(targetHost)}:${targetPort}`, usePost: protocol === 'POST' } };
}
