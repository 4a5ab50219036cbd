// Access loggers of the providers that a Telemetry chooses: files, access-log services and OpenTelemetry.
import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import type { AccessLog, AccessLogFilter } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import {
  type CommonGrpcAccessLogConfig,
  CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../../../gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { OpenTelemetryAccessLogConfigSchema } from '../../../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { FileLogProvider, OtelAlsProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { type FileLogOptions, fileLog, jsonFormat, meshFormat, textFormat } from '../listeners/access-log.ts';
import { compareNames } from '../names.ts';
import { accessLog, allOf, whereCel } from './access-log.ts';
import type { LogChoice } from './effective-access-logs.ts';
import { logFormatters } from './log-formatters.ts';
import { builtinLog, grpcServiceOf, type ProviderTarget } from './providers.ts';

/** What loggers are made of beside a Telemetry. */
export interface LoggerSources {
  readonly targets: readonly ProviderTarget[];
  readonly mesh: MeshConfig;
}

/**
 * Loggers of the providers that the proxy can reach; undefined where none of them is one that logs. As in Istio each is for requests
 * and for connections, with entries of its own kind.
 */
export function accessLoggers(
  choices: readonly LogChoice[],
  { targets, mesh }: LoggerSources,
  restriction?: AccessLogFilter,
): readonly AccessLog[] | undefined {
  const loggers = choices.flatMap(({ provider: name, filter: expression, isDisabled }) => {
    const filter = allOf(restriction, expression === undefined ? undefined : whereCel(expression));
    const target = targets.find(({ provider }) => provider.name === name);
    const file = target?.provider.envoyFileAccessLog ?? (target || name !== builtinLog ? undefined : {});
    const logger = file ? fileLog(fileOptions(name, file, { mesh, filter })) : target && loggerOf(target, filter);
    return logger === undefined ? [] : [{ logger, isDisabled }];
  });
  return loggers.length === 0 ? undefined : loggers.flatMap((one) => (one.isDisabled ? [] : [one.logger]));
}

function loggerOf(target: ProviderTarget, filter: AccessLogFilter | undefined): AccessLog | undefined {
  const { envoyHttpAls, envoyTcpAls, envoyOtelAls } = target.provider;
  if (envoyOtelAls) return otelLog(target, envoyOtelAls, filter);
  if (envoyHttpAls) {
    const config = create(HttpGrpcAccessLogConfigSchema, {
      commonConfig: commonConfig(target, envoyHttpAls, 'http_envoy_accesslog'),
      additionalRequestHeadersToLog: [...(envoyHttpAls.additionalRequestHeadersToLog ?? [])],
      additionalResponseHeadersToLog: [...(envoyHttpAls.additionalResponseHeadersToLog ?? [])],
      additionalResponseTrailersToLog: [...(envoyHttpAls.additionalResponseTrailersToLog ?? [])],
    });
    return accessLog('envoy.access_loggers.http_grpc', HttpGrpcAccessLogConfigSchema, config, filter);
  }
  if (envoyTcpAls) {
    const commonOfTcp = commonConfig(target, envoyTcpAls, 'tcp_envoy_accesslog');
    const config = create(TcpGrpcAccessLogConfigSchema, { commonConfig: commonOfTcp });
    return accessLog('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfigSchema, config, filter);
  }
  return undefined;
}

/** As in Istio the provider named `envoy` writes as the mesh's `accessLogFormat` says, unless it has a format of its own; empty `labels` are Istio's JSON. */
function fileOptions(
  name: string,
  { path, logFormat, omitEmptyValues = false }: FileLogProvider,
  { mesh, filter }: { readonly mesh: MeshConfig; readonly filter: AccessLogFilter | undefined },
): FileLogOptions {
  const common = { path: path || '/dev/stdout', omitEmptyValues, filter };
  if (name === builtinLog && logFormat === undefined && !omitEmptyValues) return { ...common, ...meshFormat(mesh) };
  const { text = '', labels } = logFormat ?? {};
  if (labels === undefined) return { ...common, text };
  return { ...common, text, json: Object.keys(labels).length > 0 ? (labels as JsonObject) : jsonFormat };
}

/** Filter state and peer facts that Istio's providers ask for by name. */
function commonConfig(
  target: ProviderTarget,
  provider: { readonly logName?: string; readonly filterStateObjectsToLog?: readonly string[] },
  defaultName: string,
): CommonGrpcAccessLogConfig {
  return create(CommonGrpcAccessLogConfigSchema, {
    logName: provider.logName || defaultName,
    grpcService: grpcServiceOf(target),
    transportApiVersion: ApiVersion.V3,
    filterStateObjectsToLog: [...(provider.filterStateObjectsToLog ?? [])],
  });
}

function otelLog(target: ProviderTarget, provider: OtelAlsProvider, filter: AccessLogFilter | undefined): AccessLog {
  const { text, labels } = provider.logFormat ?? {};
  const config = create(OpenTelemetryAccessLogConfigSchema, {
    commonConfig: commonConfig(target, provider, 'otel_envoy_accesslog'),
    body: { value: { case: 'stringValue', value: text || textFormat } },
    disableBuiltinLabels: true,
    formatters: logFormatters(provider.logFormat),
    ...(labels ? { attributes: { values: keyValues(labels) } } : {}),
  });
  return accessLog('envoy.access_loggers.open_telemetry', OpenTelemetryAccessLogConfigSchema, config, filter);
}

function keyValues(labels: Readonly<Record<string, unknown>>) {
  return Object.entries(labels)
    .sort(([a], [b]) => compareNames(a, b))
    .map(([key, value]) => ({ key, value: anyValue(value as JsonValue) }));
}

function anyValue(value: JsonValue) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { value: { case: 'stringValue' as const, value: text } };
}
