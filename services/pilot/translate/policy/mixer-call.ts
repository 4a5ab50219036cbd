// How a proxy calls Mixer: the cluster, and what it tells with each call or stream.
import { create } from '@bufbuild/protobuf';
import { type GrpcService, GrpcServiceSchema } from '../../../../gen/envoy/config/core/v3/grpc_service_pb.js';
import { checkCallKey, encodeCheckCall } from '../../../../mesh/policy/check-call.ts';
import { mixerCluster, mixerHostname } from '../../../../mesh/policy/mixer-service.ts';
import type { PolicyRule } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';

/** A call or stream for these rules, without a timeout. Envoy refuses it where Mixer's cluster is not there. */
export function mixerCall(rules: readonly PolicyRule[], facts: WorkloadFacts): GrpcService {
  return create(GrpcServiceSchema, {
    // `|` may not stand in an authority, which would else be the cluster's name.
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: mixerCluster, authority: mixerHostname } },
    initialMetadata: [{ key: checkCallKey, value: encodeCheckCall({ facts, rules: rules.map(({ id }) => id) }) }],
  });
}
