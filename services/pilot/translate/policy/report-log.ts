// The access log by which a proxy tells Mixer of requests and connections that have ended: only what the report rules read, off the request's path.
import { create } from '@bufbuild/protobuf';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import type { GrpcService } from '../../../../gen/envoy/config/core/v3/grpc_service_pb.js';
import { AccessLogType } from '../../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import {
  CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../../../gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { type ConnectionEvent, reportedEvents } from '../../../../mesh/policy/lowering/connection-placement.ts';
import { type HeaderMap, namedHeaders } from '../../../../mesh/policy/referenced-headers.ts';
import type { PolicyRule } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import { accessLog, ofTypes } from '../telemetry/access-log.ts';
import { mixerCall } from './mixer-call.ts';

/** Name of the log in Envoy's stream to Mixer. */
const logName = 'mixer';

/** The log of requests for `rules`, all of them report rules. */
export function reportLog(rules: readonly PolicyRule[], facts: WorkloadFacts): AccessLog {
  const responseHeaders = headersOf(rules, 'response.headers');
  const config = create(HttpGrpcAccessLogConfigSchema, {
    commonConfig: commonConfig(mixerCall(rules, facts)),
    additionalRequestHeadersToLog: headersOf(rules, 'request.headers'),
    additionalResponseHeadersToLog: responseHeaders,
    // gRPC's status is one of them, unless the response has no body.
    additionalResponseTrailersToLog: responseHeaders,
  });
  return accessLog('envoy.access_loggers.http_grpc', HttpGrpcAccessLogConfigSchema, config);
}

/** The log of connections for the same rules, of the events that they could be about; none where these rules are about requests alone. */
export function tcpReportLog(rules: readonly PolicyRule[], facts: WorkloadFacts): readonly AccessLog[] {
  const events = reportedEvents(rules, facts);
  if (events.length === 0) return [];
  const endsOnly = events.length === 1 && events[0] === 'close';
  const call = mixerCall(rules, facts, endsOnly ? { endsOnly } : {});
  const config = create(TcpGrpcAccessLogConfigSchema, { commonConfig: commonConfig(call) });
  const filter = ofTypes(events.map((event) => typesByEvent[event]));
  return [accessLog('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfigSchema, config, filter)];
}

const typesByEvent: Readonly<Record<ConnectionEvent, AccessLogType>> = {
  open: AccessLogType.TcpUpstreamConnected,
  continue: AccessLogType.TcpPeriodic,
  close: AccessLogType.TcpConnectionEnd,
};

function commonConfig(grpcService: GrpcService) {
  return create(CommonGrpcAccessLogConfigSchema, {
    logName,
    grpcService,
    transportApiVersion: ApiVersion.V3,
  });
}

/** What is no name of a header (RFC 9110, token) is in no request, and Envoy refuses a log that asks for it. */
function headersOf(rules: readonly PolicyRule[], map: HeaderMap): string[] {
  return namedHeaders(rules, map).filter((name) => /^:?[\w!#$%&'*+.^`|~-]+$/.test(name));
}
