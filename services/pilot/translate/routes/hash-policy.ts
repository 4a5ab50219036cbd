// Consistent-hash settings of a DestinationRule as the hash policy of routes and TCP proxies.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type RouteAction_HashPolicy,
  RouteAction_HashPolicySchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { type HashPolicy, HashPolicySchema } from '../../../../gen/envoy/type/v3/hash_policy_pb.js';
import type { ConsistentHashLB, TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import { type MergedRule, subsetOf } from '../destination-rules.ts';
import { durationOf } from './duration.ts';

/** Which consistent hash applies to a destination: its subset's port, then its subset, then the port, then the host. */
export function consistentHashOf(
  rule: MergedRule | undefined,
  destination: { readonly subset?: string | undefined; readonly port?: number | undefined },
): ConsistentHashLB | undefined {
  if (rule === undefined) return undefined;
  const subset = destination.subset ? subsetOf(rule, destination.subset) : undefined;
  return (
    portConsistentHash(subset?.trafficPolicy, destination.port) ??
    subset?.trafficPolicy?.loadBalancer?.consistentHash ??
    portConsistentHash(rule.trafficPolicy, destination.port) ??
    rule.trafficPolicy?.loadBalancer?.consistentHash
  );
}

function portConsistentHash(policy: TrafficPolicy | undefined, port: number | undefined): ConsistentHashLB | undefined {
  if (port === undefined) return undefined;
  return policy?.portLevelSettings?.find((setting) => setting.port?.number === port)?.loadBalancer?.consistentHash;
}

/** The hash policy of an HTTP route; undefined when the settings name no key. */
export function hashPolicy(hash: ConsistentHashLB | undefined): RouteAction_HashPolicy | undefined {
  const policySpecifier = hash && hashKey(hash);
  return policySpecifier && create(RouteAction_HashPolicySchema, { policySpecifier });
}

function hashKey(hash: ConsistentHashLB): RouteAction_HashPolicy['policySpecifier'] | undefined {
  const of = (policySpecifier: MessageInitShape<typeof RouteAction_HashPolicySchema>['policySpecifier']) =>
    create(RouteAction_HashPolicySchema, policySpecifier ? { policySpecifier } : {}).policySpecifier;
  if (hash.httpHeaderName !== undefined) {
    return of({ case: 'header', value: { headerName: hash.httpHeaderName } });
  }
  if (hash.httpCookie !== undefined) {
    const { name, path, ttl, attributes } = hash.httpCookie;
    const value = {
      name,
      path: path ?? '',
      attributes: (attributes ?? []).map((attribute) => ({ name: attribute.name, value: attribute.value ?? '' })),
      ...(ttl === undefined ? {} : { ttl: durationOf(ttl) }),
    };
    return of({ case: 'cookie', value });
  }
  if (hash.useSourceIp !== undefined) {
    return of({ case: 'connectionProperties', value: { sourceIp: hash.useSourceIp } });
  }
  if (hash.httpQueryParameterName !== undefined) {
    return of({ case: 'queryParameter', value: { name: hash.httpQueryParameterName } });
  }
  return undefined;
}

/** The hash policy of a TCP proxy: only a source address can be hashed there. */
export function tcpHashPolicy(rule: MergedRule | undefined, subset: string): HashPolicy[] {
  const policy = subsetOf(rule, subset)?.trafficPolicy;
  const hash = (policy?.loadBalancer ? policy : rule?.trafficPolicy)?.loadBalancer?.consistentHash;
  if (!hash?.useSourceIp) return [];
  return [create(HashPolicySchema, { policySpecifier: { case: 'sourceIp', value: {} } })];
}
