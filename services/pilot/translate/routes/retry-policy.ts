// Istio's HTTPRetry as Envoy's RetryPolicy, and Istio's defaults where a route sets none.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type RetryPolicy, RetryPolicySchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '../../../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '../../../../gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import type { HTTPRetry } from '../../../../mesh/config/schemas/virtual-service.ts';
import { durationOf } from './duration.ts';

/** Without a status code, as in Istio since 1.24: a 503 may come from an application that has done its work in part. */
const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const defaultAttempts = 2;

const previousHosts = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  configType: {
    case: 'typedConfig' as const,
    value: anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
  },
};
const previousPriorities = {
  name: 'envoy.retry_priorities.previous_priorities',
  configType: {
    case: 'typedConfig' as const,
    value: anyPack(PreviousPrioritiesConfigSchema, create(PreviousPrioritiesConfigSchema, { updateFrequency: 2 })),
  },
};

/**
 * The retry policy of an outbound route, given its own `retries` or else the mesh's (istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry); undefined
 * when `attempts` is 0: no retries. With consistent hashing the previous host is not avoided, the hash names the host.
 */
export function retryPolicy(retries: HTTPRetry | undefined, consistentHash: boolean): RetryPolicy | undefined {
  const attempts = retries === undefined ? defaultAttempts : (retries.attempts ?? 0);
  if (attempts <= 0) return undefined;
  const { retryOn, retriableStatusCodes } = retryConditions(retries?.retryOn);
  const avoidPreviousHosts = retries?.retryIgnorePreviousHosts ?? !consistentHash;
  return create(RetryPolicySchema, {
    retryOn,
    retriableStatusCodes,
    numRetries: attempts,
    hostSelectionRetryMaxAttempts: 5n,
    ...(avoidPreviousHosts ? { retryHostPredicate: [previousHosts] } : {}),
    ...(retries?.retryRemoteLocalities ? { retryPriority: previousPriorities } : {}),
    ...(retries?.perTryTimeout ? { perTryTimeout: durationOf(retries.perTryTimeout) } : {}),
    ...(retries?.backoff ? { retryBackOff: { baseInterval: durationOf(retries.backoff) } } : {}),
  });
}

/** An inbound request that was reset before it reached the application was never processed: it is safe to send it again. */
export function inboundRetryPolicy(): RetryPolicy {
  return create(RetryPolicySchema, { retryOn: 'reset-before-request', numRetries: defaultAttempts });
}

/** Splits `retryOn` into Envoy's conditions and numeric status codes. */
function retryConditions(retryOn: string | undefined): { retryOn: string; retriableStatusCodes: number[] } {
  if (!retryOn) return { retryOn: defaultRetryOn, retriableStatusCodes: [] };
  const parts = retryOn.split(',').map((part) => part.trim());
  const codes = parts.filter(isStatusCode).map(Number);
  const conditions = parts.filter((part) => part !== '' && !isStatusCode(part));
  if (codes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { retryOn: conditions.join(','), retriableStatusCodes: codes };
}

function isStatusCode(part: string): boolean {
  return /^[1-5]\d\d$/.test(part);
}
