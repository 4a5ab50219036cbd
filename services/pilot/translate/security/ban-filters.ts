// Refuses connections of banned identities: a network filter that looks at the certificate before anything else does.
import { create } from '@bufbuild/protobuf';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { PolicySchema, RBAC_Action, RBACSchema as RulesSchema } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../../../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { Bans } from '../../../../mesh/bans.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { spiffePrincipal, spiffeScheme } from './principals.ts';
import { networkFilter, networkRbac } from './rbac-filters.ts';
import { expandPrincipal, trustDomainsOf } from './trust-domains.ts';

/** Names the rule in Envoy's access log (`%CONNECTION_TERMINATION_DETAILS%`) and the filter's statistics. */
const banned = 'banned';

/**
 * The filter, none while nobody is banned. TLS can only say who is accepted, not who isn't, so the connection is ended behind the
 * handshake and before a byte of it is read; sessions are not resumed (mesh-tls.ts), so each connection shows its certificate.
 */
export function banFilters(bans: Bans, mesh: MeshConfig): readonly Filter[] {
  if (bans.size === 0) return [];
  const policy = create(PolicySchema, {
    permissions: [{ rule: { case: 'any', value: true } }],
    principals: [...namesOf(bans, mesh)].map(spiffePrincipal),
  });
  const rules = create(RulesSchema, { action: RBAC_Action.DENY, policies: { [banned]: policy } });
  return [networkFilter(networkRbac, RBACSchema, create(RBACSchema, { rules, statPrefix: 'bans.' }))];
}

/** Under every name of the mesh's trust domain: a workload may have a certificate of each. */
function namesOf(bans: Bans, mesh: MeshConfig): ReadonlySet<string> {
  const paths = [...bans.keys()].map((id) => id.slice(spiffeScheme.length));
  const expanded = paths.flatMap((path) => expandPrincipal(path, trustDomainsOf(mesh)));
  return new Set([...paths, ...expanded].map((path) => `${spiffeScheme}${path}`));
}
