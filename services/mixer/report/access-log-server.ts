// Envoy's gRPC access log service (envoy.service.accesslog.v3.AccessLogService): streams of entries in, nothing out.
import { create } from '@bufbuild/protobuf';
import { type handleClientStreamingCall, type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  type StreamAccessLogsMessage,
  StreamAccessLogsMessageSchema,
  type StreamAccessLogsResponse,
  StreamAccessLogsResponseSchema,
} from '../../../gen/envoy/service/accesslog/v3/als_pb.js';
import type { Clock } from '../../../lib/clock.ts';
import { type CheckCall, checkCallKey, decodeCheckCall } from '../../../mesh/policy/check-call.ts';
import type { Denial } from '../../../mesh/policy/rules.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { grpcMethod } from '../grpc-method.ts';
import type { GrpcService } from '../grpc-server.ts';
import { ConnectionBytes } from './connection-bytes.ts';
import { logEntryAttributes } from './log-entry-attributes.ts';
import type { ReportEngine } from './report-engine.ts';
import { tcpEntryAttributes } from './tcp-entry-attributes.ts';

/** The service's one method; tests call it too. */
export const accessLogService = {
  StreamAccessLogs: grpcMethod({
    path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
    request: StreamAccessLogsMessageSchema,
    response: StreamAccessLogsResponseSchema,
    requestStream: true,
  }),
} satisfies ServiceDefinition;

/** What the service is made of. */
export interface AccessLogServerOptions {
  readonly engine: ReportEngine;
  readonly snapshot: () => Snapshot | undefined;
  readonly clock: Clock;
  /** What a rule refuses with, by its id. */
  readonly denialOf: (rule: string) => Denial | undefined;
}

/** The service, ready for Mixer's gRPC port. A message is done with before the next is read: the queues behind it are the handlers'. */
export function accessLogServer(options: AccessLogServerOptions): GrpcService {
  const handle: handleClientStreamingCall<StreamAccessLogsMessage, StreamAccessLogsResponse> = (call, done) => {
    const [text] = call.metadata.get(checkCallKey);
    const told = typeof text === 'string' ? decodeCheckCall(text) : undefined;
    if (told === undefined) {
      done({ code: status.INVALID_ARGUMENT, details: `the call has no readable ${checkCallKey}` });
      return;
    }
    const source = { ...told, connections: new ConnectionBytes() };
    call.on('data', (message: StreamAccessLogsMessage) => take(message, source, options));
    call.on('end', () => done(null, create(StreamAccessLogsResponseSchema)));
    // A proxy that goes away ends its stream so; it opens another when it has something to tell.
    call.on('error', () => {});
  };
  return { definition: accessLogService, implementation: { StreamAccessLogs: handle } };
}

function take(
  { logEntries }: StreamAccessLogsMessage,
  { facts, rules, endsOnly, connections }: CheckCall & { readonly connections: ConnectionBytes },
  { engine, snapshot, clock, denialOf }: AccessLogServerOptions,
): void {
  const common = { facts, registry: snapshot()?.registry, nowMs: clock.nowMs() };
  if (logEntries.case === 'tcpLogs') {
    engine.report(
      rules,
      logEntries.value.logEntry.map((entry) => {
        const before = endsOnly === true ? { sent: 0, received: 0 } : connections.before(entry);
        return tcpEntryAttributes({ ...common, entry, before });
      }),
    );
    return;
  }
  if (logEntries.case !== 'httpLogs') return;
  const ended = logEntries.value.logEntry.filter(({ commonProperties }) => !commonProperties?.intermediateLogEntry);
  engine.report(
    rules,
    ended.map((entry) => logEntryAttributes({ ...common, denialOf, entry })),
  );
}
