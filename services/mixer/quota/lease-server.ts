// Envoy's rate limit quota service (envoy.service.rate_limit_quota.v3): proxies' usage in, their parts of the limits out.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { handleBidiStreamingCall, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';
import {
  type RateLimitQuotaResponse,
  RateLimitQuotaResponseSchema,
  type RateLimitQuotaUsageReports,
  RateLimitQuotaUsageReportsSchema,
} from '../../../gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js';
import type { GrpcService } from '../grpc-server.ts';
import type { LeaseDesk } from './lease-desk.ts';

/** The service's one method; tests call it too. */
export const rateLimitQuotaService = {
  StreamRateLimitQuotas: {
    path: '/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas',
    requestStream: true,
    responseStream: true,
    requestSerialize: (request: RateLimitQuotaUsageReports) =>
      Buffer.from(toBinary(RateLimitQuotaUsageReportsSchema, request)),
    requestDeserialize: (bytes: Buffer) => fromBinary(RateLimitQuotaUsageReportsSchema, bytes),
    responseSerialize: (response: RateLimitQuotaResponse) =>
      Buffer.from(toBinary(RateLimitQuotaResponseSchema, response)),
    responseDeserialize: (bytes: Buffer) => fromBinary(RateLimitQuotaResponseSchema, bytes),
  },
} satisfies ServiceDefinition;

/** The service, ready for Mixer's gRPC port. A proxy does not say who it is: it is known by its connection. */
export function leaseServer(desk: LeaseDesk): GrpcService {
  const handle: handleBidiStreamingCall<RateLimitQuotaUsageReports, RateLimitQuotaResponse> = (call) => {
    const holder = call.getPeer();
    const proxy = { holder, origin: holder.slice(0, holder.lastIndexOf(':')) };
    const send = sender(call);
    call.on('data', ({ bucketQuotaUsages }: RateLimitQuotaUsageReports) => {
      // Late reports change nothing that the next one would not.
      void desk.report(proxy, bucketQuotaUsages, send);
    });
    call.on('end', () => {
      desk.leave(holder, send);
      call.end();
    });
    call.on('error', () => desk.leave(holder, send));
    call.on('cancelled', () => desk.leave(holder, send));
  };
  return { definition: rateLimitQuotaService, implementation: { StreamRateLimitQuotas: handle } };
}

/** A proxy that does not read is told less: what it misses it gets with its next report. */
function sender(call: ServerDuplexStream<RateLimitQuotaUsageReports, RateLimitQuotaResponse>) {
  let full = false;
  call.on('drain', () => {
    full = false;
  });
  return (response: RateLimitQuotaResponse) => {
    if (!full && !call.cancelled && !call.destroyed) full = !call.write(response);
  };
}
