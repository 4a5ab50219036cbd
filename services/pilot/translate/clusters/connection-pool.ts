// DestinationRule's connectionPool and retryBudget: circuit breakers, timeouts and keepalive of a cluster.
import { create, toBinary, type UnknownField } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import {
  CircuitBreakers_Thresholds_RetryBudgetSchema,
  CircuitBreakers_ThresholdsSchema,
  CircuitBreakersSchema,
} from '../../../../gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import { type Cluster, UpstreamConnectionOptionsSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TcpKeepaliveSchema } from '../../../../gen/envoy/config/core/v3/address_pb.js';
import { PercentSchema } from '../../../../gen/envoy/type/v3/percent_pb.js';
import type {
  ConnectionPoolSettings,
  TCPSettings,
  TrafficPolicy,
} from '../../../../mesh/config/schemas/destination-rule.ts';
import { durationOf } from '../routes/duration.ts';
import { wholeSeconds } from './seconds.ts';

/** Istio's default for every threshold: Envoy's own (1,024 connections, 3 retries) would limit services nobody meant to limit. */
const unlimited = 0xffffffff;

/** Sets circuit breakers, connect timeout and TCP keepalive; without settings Istio's defaults. */
export function applyConnectionPool(
  cluster: Cluster,
  pool: ConnectionPoolSettings | undefined,
  retryBudget?: TrafficPolicy['retryBudget'],
): void {
  const { tcp, http } = pool ?? {};
  const thresholds = create(CircuitBreakers_ThresholdsSchema, {
    maxConnections: positive(tcp?.maxConnections) ?? unlimited,
    maxPendingRequests: positive(http?.http1MaxPendingRequests) ?? unlimited,
    maxRequests: positive(http?.http2MaxRequests) ?? unlimited,
    maxRetries: positive(http?.maxRetries) ?? unlimited,
    trackRemaining: true,
  });
  if (retryBudget !== undefined) {
    // Envoy then ignores max_retries. 20 % and 3 are Istio's (and Envoy's) defaults.
    thresholds.retryBudget = create(CircuitBreakers_Thresholds_RetryBudgetSchema, {
      budgetPercent: create(PercentSchema, { value: retryBudget.percent ?? 20 }),
      minRetryConcurrency: retryBudget.minRetryConcurrency || 3,
    });
    if (retryBudget.budgetInterval !== undefined)
      thresholds.retryBudget.$unknown = [budgetInterval(retryBudget.budgetInterval)];
  }
  cluster.circuitBreakers = create(CircuitBreakersSchema, { thresholds: [thresholds] });
  if (tcp?.connectTimeout !== undefined) cluster.connectTimeout = durationOf(tcp.connectTimeout);
  if (tcp?.tcpKeepalive !== undefined) applyKeepalive(cluster, tcp.tcpKeepalive);
}

/** `RetryBudget.budget_interval`: Envoy 1.40 has it, the protos that we generate from do not yet; older Envoys ignore it. */
function budgetInterval(interval: string): UnknownField {
  const value = toBinary(DurationSchema, durationOf(interval));
  // A Duration's encoding is far below 128 bytes: its length is one byte.
  return { no: 3, wireType: WireType.LengthDelimited, data: Uint8Array.from([value.length, ...value]) };
}

function applyKeepalive(cluster: Cluster, keepalive: NonNullable<TCPSettings['tcpKeepalive']>): void {
  const { probes, time, interval } = keepalive;
  cluster.upstreamConnectionOptions = create(UpstreamConnectionOptionsSchema, {
    tcpKeepalive: create(TcpKeepaliveSchema, {
      ...(positive(probes) !== undefined && { keepaliveProbes: probes }),
      ...(time !== undefined && { keepaliveTime: wholeSeconds(time) }),
      ...(interval !== undefined && { keepaliveInterval: wholeSeconds(interval) }),
    }),
  });
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
