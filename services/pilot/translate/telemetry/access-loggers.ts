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
import type { FileLogProvider, OtelAlsProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { fileLog, textFormat } from '../listeners/access-log.ts';
import { compareNames } from '../names.ts';
import { accessLog, allOf, whereCel } from './access-log.ts';
import type { LogChoice } from './effective-access-logs.ts';
import { logFormatters } from './log-formatters.ts';
import { builtinLog, grpcServiceOf, type ProviderTarget } from './providers.ts';

/**
 * Loggers of the providers that the proxy can reach; undefined where none of them is one that logs. As in Istio each is for requests
 * and for connections, with entries of its own kind.
 */
export function accessLoggers(
  choices: readonly LogChoice[],
  targets: readonly ProviderTarget[],
  restriction?: AccessLogFilter,
): readonly AccessLog[] | undefined {
  const loggers = choices.flatMap(({ provider: name, filter: expression, isDisabled }) => {
    const filter = allOf(restriction, expression === undefined ? undefined : whereCel(expression));
    const target = targets.find(({ provider }) => provider.name === name);
    const isBuiltin = target === undefined && name === builtinLog;
    const logger = isBuiltin ? fileLogOf({}, filter) : target && loggerOf(target, filter);
    return logger === undefined ? [] : [{ logger, isDisabled }];
  });
  return loggers.length === 0 ? undefined : loggers.flatMap((one) => (one.isDisabled ? [] : [one.logger]));
}

function loggerOf(target: ProviderTarget, filter: AccessLogFilter | undefined): AccessLog | undefined {
  const { envoyFileAccessLog, envoyHttpAls, envoyTcpAls, envoyOtelAls } = target.provider;
  if (envoyFileAccessLog) return fileLogOf(envoyFileAccessLog, filter);
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

function fileLogOf({ path, logFormat, omitEmptyValues }: FileLogProvider, filter: AccessLogFilter | undefined) {
  const json = logFormat?.labels ? (logFormat.labels as JsonObject) : undefined;
  const text = logFormat?.text ?? '';
  return fileLog({ path: path || '/dev/stdout', text, json, omitEmptyValues: omitEmptyValues ?? false, filter });
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
    body: { value: { case: 'stringValue', value: text || textFormat.trimEnd() } },
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
