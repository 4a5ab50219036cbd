// How a proxy calls Mixer: the cluster, and what it tells with each call or stream.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { RetryPolicySchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { type GrpcService, GrpcServiceSchema } from '../../../../gen/envoy/config/core/v3/grpc_service_pb.js';
import { PreviousHostsPredicateSchema } from '../../../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { type CheckCall, checkCallKey, encodeCheckCall } from '../../../../mesh/policy/check-call.ts';
import { mixerCluster, mixerHostname } from '../../../../mesh/policy/mixer-service.ts';
import type { PolicyRule } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';

/** A call or stream for these rules, without a timeout. Envoy refuses it where Mixer's cluster is not there. */
export function mixerCall(
  rules: readonly PolicyRule[],
  facts: WorkloadFacts,
  more: Pick<CheckCall, 'endsOnly'> = {},
): GrpcService {
  const told = encodeCheckCall({ facts, rules: rules.map(({ id }) => id), ...more });
  return create(GrpcServiceSchema, {
    // `|` may not stand in an authority, which would else be the cluster's name.
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: mixerCluster, authority: mixerHostname } },
    initialMetadata: [{ key: checkCallKey, value: told }],
  });
}

/** As `mixerCall`, for one answer: asked of another Mixer where one can't be reached, or goes away. At worst a quota is charged twice. */
export function mixerQuestion(rules: readonly PolicyRule[], facts: WorkloadFacts): GrpcService {
  const call = mixerCall(rules, facts);
  if (call.targetSpecifier.case !== 'envoyGrpc') return call;
  call.targetSpecifier.value.retryPolicy = create(RetryPolicySchema, {
    numRetries: maxRetries,
    retryOn: 'connect-failure,refused-stream,reset',
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: {
          case: 'typedConfig',
          value: anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
        },
      },
    ],
    hostSelectionRetryMaxAttempts: BigInt(maxRetries + 1),
  });
  return call;
}

/** Two of the Mixers may be away at once: asking more takes more than the 200 ms that there are. */
const maxRetries = 2;
