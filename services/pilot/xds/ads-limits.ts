// Bounds of the ADS server, as numbers and as grpc-js wants them.
import type { ServerOptions } from '@grpc/grpc-js';
import { type GrpcLimits, grpcServerOptions } from '../../../lib/grpc-port.ts';
import { sharedFrames } from './shared-frames.ts';
import type { StreamLimits } from './stream-means.ts';

/** Bounds of the server; `defaultAdsLimits` says why each is what it is. */
export interface AdsLimits extends StreamLimits, GrpcLimits {
  readonly maxStreams: number;
  /** A stream that says nothing for this long after opening is closed. */
  readonly firstRequestMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Bytes handed to the network that clients have not taken; further pushes wait. */
  readonly maxUnreadBytes: number;
  /** A client that takes nothing for this long no longer counts against `maxUnreadBytes`, so that it can't stop others. */
  readonly stalledAfterMs: number;
  /** Bytes of clients that take nothing; beyond it the longest stalled are disconnected. */
  readonly maxStalledBytes: number;
}

/** What the server uses where nothing else is said. */
export const defaultAdsLimits: AdsLimits = {
  maxRequestBytes: 4 * 1024 * 1024, // grpc's own default: 40,000 names with their versions
  maxStreams: 10_000, // some 400 MB of idle connections: beyond it, more Pilots
  maxStreamsPerConnection: 100, // Envoy opens one; a test client several
  maxSessionMiB: 64, // a response of 1,000 resources has some 4 MiB, and several types wait at once
  idleMs: 30_000, // Envoy's stream lasts as long as its connection; opening one anew costs milliseconds
  firstRequestMs: 15_000, // Envoy sends its first request with the stream
  keepaliveMs: 30_000, // as istiod
  keepaliveTimeoutMs: 10_000, // as istiod
  maxUnreadBytes: 32 * 1024 * 1024, // full speed on any network; a fraction of the memory aim
  stalledAfterMs: 1_000, // a reading client takes its bytes in milliseconds
  maxStalledBytes: 64 * 1024 * 1024,
  maxNames: 50_000,
  maxTypes: 32,
  patienceMs: 2_000, // Envoy answers in milliseconds, warming included; people notice seconds
};

/** Of a gRPC server with these bounds. */
export function serverOptions(limits: AdsLimits): ServerOptions {
  return {
    ...grpcServerOptions(limits),
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    interceptors: [sharedFrames],
  };
}
