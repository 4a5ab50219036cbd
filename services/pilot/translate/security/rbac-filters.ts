// AuthorizationPolicies as Envoy filters in the order in which they decide: CUSTOM, (AUDIT,) DENY, ALLOW.
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type Filter, FilterSchema } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { RBACSchema as HttpRbacSchema } from '../../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { PolicyAction } from './policy-polarity.ts';
import { type RuleSets, ruleSets } from './rbac-rules.ts';
import { type AuthorizationPolicy, actionOf } from './select-policies.ts';

/** Names of the filters: Istio's. */
export const httpRbac = 'envoy.filters.http.rbac';
/** See `httpRbac`. */
export const networkRbac = 'envoy.filters.network.rbac';

/** The order after CUSTOM. AUDIT decides nothing: it marks the request in dynamic metadata (`access_log_hint`). */
const order = ['AUDIT', 'DENY', 'ALLOW'] as const;

/** Stat prefixes of dry runs. */
const shadowPrefixes: Readonly<Partial<Record<PolicyAction, string>>> = {
  ALLOW: 'istio_dry_run_allow_',
  DENY: 'istio_dry_run_deny_',
};

/** HTTP filters of the policies that are not CUSTOM. */
export function rbacHttpFilters(policies: readonly AuthorizationPolicy[], mesh: MeshConfig): readonly HttpFilter[] {
  return perAction(policies, 'http', mesh, (sets, action) => httpRbacFilter(sets, shadowPrefixes[action] ?? ''));
}

/** Network filters of the policies that are not CUSTOM. */
export function rbacNetworkFilters(policies: readonly AuthorizationPolicy[], mesh: MeshConfig): readonly Filter[] {
  return perAction(policies, 'tcp', mesh, (sets, action) => networkRbacFilter(sets, shadowPrefixes[action] ?? ''));
}

function perAction<Made>(
  policies: readonly AuthorizationPolicy[],
  protocol: 'http' | 'tcp',
  mesh: MeshConfig,
  make: (sets: RuleSets, action: PolicyAction) => Made,
): readonly Made[] {
  return order.flatMap((action) => {
    const own = policies.filter((policy) => actionOf(policy) === action);
    return own.length === 0 ? [] : [make(ruleSets(own, { action, protocol, mesh }), action)];
  });
}

/** An RBAC filter; the prefix is for what shadow rules leave in metadata and statistics. */
export function httpRbacFilter(sets: RuleSets, shadowPrefix: string): HttpFilter {
  const shadowRulesStatPrefix = sets.shadowRules ? shadowPrefix : '';
  return httpFilter(httpRbac, HttpRbacSchema, create(HttpRbacSchema, { ...sets, shadowRulesStatPrefix }));
}

/** As `httpRbacFilter`, on connections. */
export function networkRbacFilter(sets: RuleSets, shadowPrefix: string): Filter {
  const shadowRulesStatPrefix = sets.shadowRules ? shadowPrefix : '';
  const rbac = create(NetworkRbacSchema, { ...sets, statPrefix: 'tcp.', shadowRulesStatPrefix });
  return networkFilter(networkRbac, NetworkRbacSchema, rbac);
}

/** Wraps a filter's configuration. */
export function httpFilter<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  value: MessageShape<Desc>,
): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: anyPack(schema, value) } });
}

/** Wraps a filter's configuration. */
export function networkFilter<Desc extends DescMessage>(name: string, schema: Desc, value: MessageShape<Desc>): Filter {
  return create(FilterSchema, { name, configType: { case: 'typedConfig', value: anyPack(schema, value) } });
}
