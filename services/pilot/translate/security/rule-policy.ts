// One rule of an AuthorizationPolicy as one policy of Envoy's RBAC (envoy.config.rbac.v3.Policy).
import { create } from '@bufbuild/protobuf';
import {
  type Permission,
  type Policy,
  PolicySchema,
  type Principal,
} from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import type { Condition, Operation, Rule, Source } from '../../../../mesh/config/schemas/authorization-policy.ts';
import { pathPermissions } from './path-matchers.ts';
import * as permissions from './permissions.ts';
import { type Polarity, type PolicyAction, polarityOf } from './policy-polarity.ts';
import * as principals from './principals.ts';

/** What a rule's meaning depends on besides itself. */
export interface RulePlace {
  readonly action: PolicyAction;
  /** On TCP nothing is known of requests: ALLOW rules that ask about them never match, others go by the rest of what they say. */
  readonly protocol: 'http' | 'tcp';
  /** Namespace of the policy, that service accounts without one are of. */
  readonly namespace: string;
  readonly trustDomains: readonly string[];
}

/** The RBAC policy of `rule`; undefined for one that can never match on TCP. */
export function rulePolicy(rule: Rule, place: RulePlace): Policy | undefined {
  const whens = (rule.when ?? []).map((condition) => conditionClause(condition, place));
  const from = (rule.from ?? [{}]).map(({ source }) => sourceClauses(source ?? {}, place));
  const to = (rule.to ?? [{}]).map(({ operation }) => operationClauses(operation ?? {}, place));
  const clauses = [...whens, ...from.flat(), ...to.flat()];
  const isTcp = place.protocol === 'tcp';
  if (isTcp && place.action === 'ALLOW' && clauses.some((clause) => clause.isHttp && isSet(clause))) return undefined;
  const usable = <C extends Clause>(all: readonly C[]) =>
    all.filter((clause) => isSet(clause) && !(isTcp && clause.isHttp));
  const asked = usable(whens.filter((clause) => clause.kind === 'permission'));
  const asking = usable(whens.filter((clause) => clause.kind === 'principal'));
  return create(PolicySchema, {
    permissions: to.map((clauses) => joinPermissions([...usable(clauses), ...asked], place.action)),
    principals: from.map((clauses) => joinPrincipals([...usable(clauses), ...asking], place.action)),
  });
}

/** A field with its values and notValues: one of the values must hold and none of the notValues. */
type Clause = PermissionClause | PrincipalClause;
interface ClauseValues {
  readonly isHttp?: boolean;
  readonly values: readonly string[] | undefined;
  readonly notValues: readonly string[] | undefined;
}
interface PermissionClause extends ClauseValues {
  readonly kind: 'permission';
  readonly make: (values: readonly string[], polarity: Polarity) => readonly Permission[];
}
interface PrincipalClause extends ClauseValues {
  readonly kind: 'principal';
  readonly make: (values: readonly string[], polarity: Polarity) => readonly Principal[];
}

function isSet({ values, notValues }: ClauseValues): boolean {
  return (values?.length ?? 0) + (notValues?.length ?? 0) > 0;
}

function joinPermissions(clauses: readonly PermissionClause[], action: PolicyAction): Permission {
  const { oneOf, not, allOf, anything } = permissions;
  const all = clauses.flatMap(({ values, notValues, make }) => [
    ...(values?.length ? [oneOf(make(values, polarityOf(action, false)))] : []),
    ...(notValues?.length ? [not(oneOf(make(notValues, polarityOf(action, true))))] : []),
  ]);
  return allOf(all.length > 0 ? all : [anything()]);
}

function joinPrincipals(clauses: readonly PrincipalClause[], action: PolicyAction): Principal {
  const { oneOf, not, allOf, anyone } = principals;
  const all = clauses.flatMap(({ values, notValues, make }) => [
    ...(values?.length ? [oneOf(make(values, polarityOf(action, false)))] : []),
    ...(notValues?.length ? [not(oneOf(make(notValues, polarityOf(action, true))))] : []),
  ]);
  return allOf(all.length > 0 ? all : [anyone()]);
}

function sourceClauses(source: Source, place: RulePlace): readonly PrincipalClause[] {
  const { trustDomains, namespace } = place;
  const kind = 'principal';
  return [
    {
      kind,
      values: source.principals,
      notValues: source.notPrincipals,
      make: (values) => principals.withPrincipals(values, trustDomains),
    },
    {
      kind,
      isHttp: true,
      values: source.requestPrincipals,
      notValues: source.notRequestPrincipals,
      make: principals.withRequestPrincipals,
    },
    { kind, values: source.namespaces, notValues: source.notNamespaces, make: principals.ofNamespaces },
    {
      kind,
      values: source.serviceAccounts,
      notValues: source.notServiceAccounts,
      make: (values) => principals.withServiceAccounts(values, namespace),
    },
    { kind, values: source.remoteIpBlocks, notValues: source.notRemoteIpBlocks, make: principals.ofClients },
    { kind, values: source.ipBlocks, notValues: source.notIpBlocks, make: principals.fromAddresses },
    {
      kind,
      values: source.trustDomains,
      notValues: source.notTrustDomains,
      make: (values) => principals.ofTrustDomains(values, trustDomains),
    },
  ];
}

function operationClauses(operation: Operation, _place: RulePlace): readonly PermissionClause[] {
  const kind = 'permission';
  return [
    { kind, isHttp: true, values: operation.hosts, notValues: operation.notHosts, make: permissions.forHosts },
    { kind, isHttp: true, values: operation.methods, notValues: operation.notMethods, make: permissions.withMethods },
    { kind, isHttp: true, values: operation.paths, notValues: operation.notPaths, make: pathPermissions },
    { kind, values: operation.ports, notValues: operation.notPorts, make: permissions.toPorts },
  ];
}

/** The clause of a `when`; validation has refused keys that are not listed here. */
function conditionClause({ key, values, notValues }: Condition, { trustDomains, namespace }: RulePlace): Clause {
  const given = { values, notValues };
  const source = (make: PrincipalClause['make'], isHttp = false): Clause => ({
    kind: 'principal',
    isHttp,
    ...given,
    make,
  });
  const target = (make: PermissionClause['make']): Clause => ({ kind: 'permission', ...given, make });
  switch (key) {
    case 'source.ip':
      return source(principals.fromAddresses);
    case 'remote.ip':
      return source(principals.ofClients);
    case 'source.namespace':
      return source(principals.ofNamespaces);
    case 'source.principal':
      return source((all) => principals.withPrincipals(all, trustDomains));
    case 'source.serviceAccount':
      return source((all) => principals.withServiceAccounts(all, namespace));
    case 'source.trustDomain':
      return source((all) => principals.ofTrustDomains(all, trustDomains));
    case 'request.auth.principal':
      return source(principals.withRequestPrincipals, true);
    case 'request.auth.audiences':
      return source((all) => principals.withClaim(['aud'], all), true);
    case 'request.auth.presenter':
      return source((all) => principals.withClaim(['azp'], all), true);
    case 'destination.ip':
      return target(permissions.toAddresses);
    case 'destination.port':
      return target(permissions.toPorts);
    case 'connection.sni':
      return target(permissions.withSni);
    default:
      return namedCondition(key, source, target);
  }
}

function namedCondition(
  key: string,
  source: (make: PrincipalClause['make'], isHttp: boolean) => Clause,
  target: (make: PermissionClause['make']) => Clause,
): Clause {
  if (key.startsWith('experimental.envoy.filters.')) return target((all) => permissions.withMetadata(key, all));
  const names = bracketed(key);
  if (key.startsWith('request.auth.claims[')) return source((all) => principals.withClaim(names, all), true);
  return source((all, polarity) => principals.withHeader(names[0] ?? '', all, polarity), true);
}

/** `a[b][c]` → `b`, `c`. */
export function bracketed(key: string): readonly string[] {
  return key.slice(key.indexOf('[') + 1, -1).split('][');
}
