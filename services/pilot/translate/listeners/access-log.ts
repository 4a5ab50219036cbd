// The access log that mesh configuration asks for, in Istio's formats.
import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
} from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { accessLog } from '../telemetry/access-log.ts';
import { logFormatters } from '../telemetry/log-formatters.ts';

/** Istio's line. */
export const textFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% ' +
  '%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% ' +
  '%ROUTE_NAME%\n';

/** Istio's JSON. */
export const jsonFormat: JsonObject = {
  authority: '%REQ(:AUTHORITY)%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  duration: '%DURATION%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  request_id: '%REQ(X-REQUEST-ID)%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  response_code: '%RESPONSE_CODE%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  response_flags: '%RESPONSE_FLAGS%',
  route_name: '%ROUTE_NAME%',
  start_time: '%START_TIME%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  user_agent: '%REQ(USER-AGENT)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
};

/** A file's log as its provider or the mesh wants it written. */
export interface FileLogOptions {
  readonly path: string;
  /** '' is Istio's format. */
  readonly text: string;
  /** Fields of JSON; absent: text. */
  readonly json?: JsonObject | undefined;
  readonly omitEmptyValues?: boolean;
  readonly filter?: AccessLogFilter | undefined;
}

/** What a listener itself logs: connections that match none of its filter chains (response flag NR). */
export const noRoute = create(AccessLogFilterSchema, {
  filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } },
});

/** The log that the mesh's `accessLogFile` asks for, if any. */
export function meshFileLog(mesh: MeshConfig, filter?: AccessLogFilter): AccessLog[] {
  if (mesh.accessLogFile === '') return [];
  return [fileLog({ path: mesh.accessLogFile, ...meshFormat(mesh), filter })];
}

/** The mesh's `accessLogFormat` in its `accessLogEncoding`. */
export function meshFormat({ accessLogFormat: text, accessLogEncoding }: MeshConfig) {
  return { text, json: accessLogEncoding === 'JSON' ? (parseFormat(text) ?? jsonFormat) : undefined };
}

/** An access log in a file. */
export function fileLog(options: FileLogOptions): AccessLog {
  const { path, omitEmptyValues = false, filter } = options;
  const formatters = logFormatters(options.json ?? options.text);
  const format = { format: formatOf(options), formatters, omitEmptyValues };
  const file = create(FileAccessLogSchema, { path, accessLogFormat: { case: 'logFormat', value: format } });
  return accessLog('envoy.access_loggers.file', FileAccessLogSchema, file, filter);
}

function formatOf({ text, json }: FileLogOptions) {
  if (json) return { case: 'jsonFormat' as const, value: json };
  const inlineString = text === '' ? textFormat : endedLine(text);
  return {
    case: 'textFormatSource' as const,
    value: { specifier: { case: 'inlineString' as const, value: inlineString } },
  };
}

function endedLine(format: string): string {
  return format.endsWith('\n') ? format : `${format}\n`;
}

function parseFormat(text: string): JsonObject | undefined {
  try {
    const value: unknown = text === '' ? undefined : JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
