// The access log that mesh configuration asks for, in Istio's formats.
import { create, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';

const textFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% ' +
  '%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% ' +
  '%ROUTE_NAME%\n';

const jsonFormat: JsonObject = {
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

/** Access logs of an HTTP connection manager or TCP proxy: none, or the file that mesh configuration names. */
export function accessLogs(mesh: MeshConfig): AccessLog[] {
  return fileAccessLog(mesh, undefined);
}

/** Access logs of a listener itself: connections that match none of its filter chains (response flag NR). */
export function listenerAccessLogs(mesh: MeshConfig): AccessLog[] {
  const filter = create(AccessLogFilterSchema, {
    filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } },
  });
  return fileAccessLog(mesh, filter);
}

function fileAccessLog(mesh: MeshConfig, filter: AccessLogFilter | undefined): AccessLog[] {
  if (mesh.accessLogFile === '') return [];
  const file = create(FileAccessLogSchema, {
    path: mesh.accessLogFile,
    accessLogFormat: { case: 'logFormat', value: { format: formatOf(mesh) } },
  });
  return [
    create(AccessLogSchema, {
      name: 'envoy.access_loggers.file',
      ...(filter ? { filter } : {}),
      configType: { case: 'typedConfig', value: anyPack(FileAccessLogSchema, file) },
    }),
  ];
}

function formatOf(mesh: MeshConfig) {
  if (mesh.accessLogEncoding === 'JSON') {
    return { case: 'jsonFormat' as const, value: parseFormat(mesh.accessLogFormat) ?? jsonFormat };
  }
  const inlineString = mesh.accessLogFormat === '' ? textFormat : endedLine(mesh.accessLogFormat);
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
