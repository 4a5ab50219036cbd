// Everything that telemetry asks of one proxy's listeners: access logs, metrics, filters and tracing, for each side.
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { AccessLogType } from '../../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type {
  HttpConnectionManager_Tracing,
  HttpFilter,
  RequestIDExtension,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import { meshFileLog, noRoute } from '../listeners/access-log.ts';
import type { Lookups } from '../routes/lookups.ts';
import { atType } from './access-log.ts';
import { accessLoggers } from './access-loggers.ts';
import { appliedTelemetries } from './applied-telemetries.ts';
import { connectionLoggers } from './connection-log.ts';
import { accessLogChoices, type LogChoice } from './effective-access-logs.ts';
import { metricChoices, metricsFor, prometheusProvider, reportingIntervalMs } from './effective-metrics.ts';
import { type Side, type TracingChoice, tracingChoice } from './effective-telemetry.ts';
import { peerFilters } from './peer-filters.ts';
import { builtinLog, type ProviderTarget, providerTargets } from './providers.ts';
import { type SpanIdentity, spanIdentity } from './span-identity.ts';
import { httpStatsLoggers, type MetricChoices, type ReportPlace } from './stats-loggers.ts';
import { requestIdExtension, type TracedProxy, tracing } from './tracing.ts';

/** See the file's first line. The same object for all proxies for which it is the same. */
export interface WorkloadTelemetry {
  /** Access logs of a connection manager. */
  httpLogs(place: ReportPlace): AccessLog[];
  /** Access logs of a TCP proxy; `reportsOpened`: whether it is one that reports connections when they open, for others' logs. */
  tcpLogs(place: ReportPlace, reportsOpened: boolean): AccessLog[];
  /** TCP proxies report connections when they open and, while they are, every so many ms; undefined: when they end alone. */
  readonly connectionReportMs: number | undefined;
  /** Access logs of a listener: connections that no chain takes. */
  listenerLogs(side: Side): AccessLog[];
  /** Come before all other HTTP filters. */
  httpFilters(side: Side): readonly HttpFilter[];
  tracing(side: Side): HttpConnectionManager_Tracing | undefined;
  /** How ids of requests have to do with tracing; undefined: as Envoy has it. */
  requestId(side: Side): RequestIDExtension | undefined;
}

/** The telemetry of the proxy of `lookups`. */
export function workloadTelemetry(lookups: Lookups): WorkloadTelemetry {
  const { scope, memo } = lookups;
  const { mesh } = scope.snapshot;
  const hasStats = scope.context.telemetry === 'STATS';
  const applied = appliedTelemetries(lookups);
  const sides = memo.get('telemetry-choices', [applied, mesh, hasStats], () => {
    const specs = applied.map(({ spec }) => spec);
    const prometheus = prometheusProvider(specs, mesh);
    return {
      intervalMs: reportingIntervalMs(prometheus === undefined ? [] : metricsFor(prometheus, specs, mesh)),
      CLIENT: sideOf(specs, 'CLIENT', mesh, hasStats),
      SERVER: sideOf(specs, 'SERVER', mesh, hasStats),
    };
  });
  const names = memo.get('telemetry-providers', [sides], () =>
    [...new Set([...namesOf(sides.CLIENT), ...namesOf(sides.SERVER)])].sort(),
  );
  const targets = providerTargets(names, lookups);
  const isGateway = scope.context.type === 'router';
  // Where nothing is traced, proxies that differ in it alone have the same listeners.
  const isTraced = [sides.CLIENT, sides.SERVER].some((side) => side.tracing !== undefined);
  const identity = isTraced ? spanIdentity(scope.context, memo) : nobody;
  return memo.get('workload-telemetry', [sides, targets, mesh, isGateway, identity], () =>
    telemetryOf(sides, targets, { mesh, isGateway, identity }),
  );
}

const nobody: SpanIdentity = { tags: {}, service: { cluster: '', semantic: '' } };

/** What is chosen for one side. */
interface SideChoices {
  readonly logs: readonly LogChoice[];
  /** Undefined: none. */
  readonly metrics: MetricChoices | undefined;
  readonly tracing: TracingChoice | undefined;
}

type Sides = Readonly<Record<Side, SideChoices>> & {
  /** Between two reports of a connection that is open. */
  readonly intervalMs: number;
};

function sideOf(specs: readonly TelemetrySpec[], side: Side, mesh: MeshConfig, hasStats: boolean): SideChoices {
  const prometheus = hasStats ? prometheusProvider(specs, mesh) : undefined;
  return {
    logs: accessLogChoices(specs, side, mesh),
    metrics: prometheus === undefined ? undefined : metricChoices(metricsFor(prometheus, specs, mesh), side),
    tracing: tracingChoice(specs, side, mesh),
  };
}

function namesOf({ logs, tracing: choice }: SideChoices): readonly string[] {
  return [...logs.map(({ provider }) => provider), ...(choice?.provider ? [choice.provider] : [])];
}

function telemetryOf(sides: Sides, targets: readonly ProviderTarget[], proxy: TracedProxy): WorkloadTelemetry {
  const { mesh } = proxy;
  const sources = { targets, mesh };
  const reportsOpened = sides.CLIENT.metrics !== undefined || sides.SERVER.metrics !== undefined;
  return {
    connectionReportMs: reportsOpened ? sides.intervalMs : undefined,
    httpLogs: (place) => {
      const { logs, metrics } = sides[place.side];
      const own = accessLoggers(logs, sources) ?? meshFileLog(mesh);
      return [...own, ...(metrics ? httpStatsLoggers(place, metrics) : [])];
    },
    tcpLogs: (place, forOthers) => {
      const { logs, metrics } = sides[place.side];
      // Where connections are reported several times, people's logs still have them once.
      const filter = reportsOpened || forOthers ? atType(AccessLogType.TcpConnectionEnd) : undefined;
      const own = accessLoggers(logs, sources, filter) ?? meshFileLog(mesh, filter);
      return [...own, ...(metrics ? connectionLoggers(place, metrics) : [])];
    },
    listenerLogs: (side) => {
      if (mesh.disableEnvoyListenerLog === true) return [];
      return [...(accessLoggers(sides[side].logs, sources, noRoute) ?? meshFileLog(mesh, noRoute))];
    },
    httpFilters: (side) => (sides[side].metrics ? peerFilters(side) : []),
    tracing: (side) => tracing(sides[side].tracing, targets, proxy),
    requestId: (side) => requestIdExtension(sides[side].tracing),
  };
}

/** What of its Telemetries a proxy can't do as written, for people. */
export function telemetryWarnings(lookups: Lookups): readonly string[] {
  const { mesh } = lookups.scope.snapshot;
  const specs = appliedTelemetries(lookups).map(({ spec }) => spec);
  const sides = [sideOf(specs, 'CLIENT', mesh, true), sideOf(specs, 'SERVER', mesh, true)];
  const names = [...new Set(sides.flatMap(namesOf))].sort();
  const reached = new Set(providerTargets(names, lookups).map(({ provider }) => provider.name));
  return names
    .filter((name) => !reached.has(name) && name !== builtinLog)
    .map((name) => {
      const why = "is not in the mesh configuration's extensionProviders, or its service is not visible";
      return `Telemetry: provider ${JSON.stringify(name)} gets nothing: it ${why}`;
    });
}
