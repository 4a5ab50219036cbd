// Policies on TCP connections as network filters: what RBAC carries out exactly, and one call to Mixer for what is left.
import { create } from '@bufbuild/protobuf';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { RBAC } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { ExtAuthzSchema } from '../../../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { Placement } from '../../../../mesh/policy/lowering/placement.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import { durationOfMs } from '../routes/duration.ts';
import { networkFilter } from '../security/rbac-filters.ts';
import { mixerQuestion } from './mixer-call.ts';
import { mixerTimeoutMs, passesWithoutAnswer } from './mixer-filter.ts';
import { loweredRules, refuseAll } from './rbac-policy.ts';

/** In the order in which they decide. Both decide when the client has sent its first byte; who is refused is closed. */
export function connectionFilters(
  placements: readonly Placement[],
  facts: WorkloadFacts,
  { isThere }: { readonly isThere: boolean },
): readonly Filter[] {
  const lowered = loweredRules(placements);
  const left = placements.filter(({ place }) => place === 'ext-authz').map(({ rule }) => rule);
  const refusing = lowered === undefined ? [] : [rbacFilter('policy', lowered)];
  if (left.length === 0) return refusing;
  const failureModeAllow = passesWithoutAnswer(left);
  // Envoy refuses a filter that names a cluster it does not have.
  if (!isThere) return failureModeAllow ? refusing : [...refusing, rbacFilter('no-mixer', refuseAll)];
  const authorizer = create(ExtAuthzSchema, {
    statPrefix: 'mixer',
    transportApiVersion: ApiVersion.V3,
    grpcService: { ...mixerQuestion(left, facts), timeout: durationOfMs(mixerTimeoutMs) },
    failureModeAllow,
    includeTlsSession: true,
  });
  return [...refusing, networkFilter('envoy.filters.network.ext_authz', ExtAuthzSchema, authorizer)];
}

/** Named beside Istio's filter of AuthorizationPolicies. */
function rbacFilter(name: string, rules: RBAC): Filter {
  const filter = create(NetworkRbacSchema, { rules, statPrefix: `${name}.` });
  return networkFilter(`envoy.filters.network.rbac.${name}`, NetworkRbacSchema, filter);
}
