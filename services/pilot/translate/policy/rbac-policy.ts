// A rule that Envoy carries out as a policy of its RBAC filters, for requests and connections alike.
import { create } from '@bufbuild/protobuf';
import { CidrRangeSchema } from '../../../../gen/envoy/config/core/v3/address_pb.js';
import {
  PermissionSchema,
  type Policy,
  PolicySchema,
  type Principal,
  PrincipalSchema,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { isConst } from '../../../../mesh/policy/lowering/cel.ts';
import type { LoweredDenial, Placement } from '../../../../mesh/policy/lowering/placement.ts';
import { celMessage } from './cel-message.ts';

/** What refuses for the rules that are lowered, by their ids; undefined where none is. */
export function loweredRules(placements: readonly Placement[]): RBAC | undefined {
  const policies = placements.flatMap(({ rule, lowered }) =>
    lowered === undefined ? [] : [[rule.id, rbacPolicy(lowered)] as const],
  );
  if (policies.length === 0) return undefined;
  return create(RBACSchema, { action: RBAC_Action.DENY, policies: Object.fromEntries(policies) });
}

function rbacPolicy({ condition, sourceIp }: LoweredDenial): Policy {
  return create(PolicySchema, {
    permissions: [create(PermissionSchema, { rule: { case: 'any', value: true } })],
    principals: [sourceIp === undefined ? anyone : fromAddresses(sourceIp)],
    ...(isConst(condition, true) ? {} : { condition: celMessage(condition) }),
  });
}

const anyone = create(PrincipalSchema, { identifier: { case: 'any', value: true } });

function fromAddresses({ cidrs, inside }: NonNullable<LoweredDenial['sourceIp']>): Principal {
  const ids = cidrs.map((cidr) => {
    const [addressPrefix = '', length] = cidr.split('/');
    const bits = length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length);
    const value = create(CidrRangeSchema, { addressPrefix, prefixLen: bits });
    return create(PrincipalSchema, { identifier: { case: 'directRemoteIp', value } });
  });
  const one = create(PrincipalSchema, { identifier: { case: 'orIds', value: { ids } } });
  return inside ? one : create(PrincipalSchema, { identifier: { case: 'notId', value: one } });
}

/** Without any Mixer nobody can say that a request or a connection may pass. */
export const refuseAll: RBAC = create(RBACSchema, {
  action: RBAC_Action.DENY,
  policies: {
    'no-mixer': create(PolicySchema, {
      permissions: [create(PermissionSchema, { rule: { case: 'any', value: true } })],
      principals: [anyone],
    }),
  },
});
