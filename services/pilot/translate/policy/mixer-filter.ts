// The filter that asks Mixer: once a request, with what its rules read and nothing else.
import { create } from '@bufbuild/protobuf';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import { ExtAuthzSchema } from '../../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { RBACSchema as HttpRbacSchema } from '../../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { ListStringMatcherSchema, StringMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import { StatusCode } from '../../../../gen/envoy/type/v3/http_status_pb.js';
import { referencedHeaders } from '../../../../mesh/policy/referenced-headers.ts';
import type { PolicyRule } from '../../../../mesh/policy/rules.ts';
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import { durationOfMs } from '../routes/duration.ts';
import { httpFilter } from '../security/rbac-filters.ts';
import { mixerQuestion } from './mixer-call.ts';
import { refuseAll } from './rbac-policy.ts';

/** How long a proxy waits for Mixer, in ms: Envoy's own default for ext_authz. */
export const mixerTimeoutMs = 200;

/** Asks for `rules`. Where Mixer does not answer a request passes only if none of them could refuse it. */
export function mixerFilter(
  rules: readonly PolicyRule[],
  facts: WorkloadFacts,
  { isThere }: { readonly isThere: boolean },
): HttpFilter {
  const failOpen = passesWithoutAnswer(rules);
  // Envoy refuses a filter that names a cluster it does not have.
  if (!isThere) return withoutMixer({ failOpen });
  const headers = referencedHeaders(rules);
  const authorizer = create(ExtAuthzSchema, {
    transportApiVersion: ApiVersion.V3,
    services: { case: 'grpcService', value: { ...mixerQuestion(rules, facts), timeout: durationOfMs(mixerTimeoutMs) } },
    failureModeAllow: failOpen,
    statusOnError: { code: StatusCode.ServiceUnavailable },
    includeTlsSession: true,
    metadataContextNamespaces: ['envoy.filters.http.jwt_authn'],
    ...(headers === 'all' ? {} : { allowedHeaders: exactly(headers) }),
    statPrefix: 'mixer',
  });
  return httpFilter('envoy.filters.http.ext_authz', ExtAuthzSchema, authorizer);
}

/** What stands in for a filter that asks where there is nobody to ask; RBAC without rules decides nothing. */
export function withoutMixer({ failOpen }: { readonly failOpen: boolean }): HttpFilter {
  const rbac = failOpen ? create(HttpRbacSchema) : create(HttpRbacSchema, { rules: refuseAll });
  return httpFilter('envoy.filters.http.rbac.no-mixer', HttpRbacSchema, rbac);
}

/** Whether none of the rules could refuse. */
export function passesWithoutAnswer(rules: readonly PolicyRule[]): boolean {
  return rules.every(({ action }) => action.kind === 'headers' || mayPass(action));
}

function mayPass(action: PolicyRule['action']): boolean {
  return (action.kind === 'check' || action.kind === 'quota') && action.handler.onFailure === 'allow';
}

/** No name at all would let every header through. */
function exactly(names: readonly string[]) {
  const wanted = names.length > 0 ? names : ['x-periplus-none'];
  return create(ListStringMatcherSchema, {
    patterns: wanted.map((value) => create(StringMatcherSchema, { matchPattern: { case: 'exact', value } })),
  });
}
