// Decides where a rule runs for a workload: the cheapest place that gives the same answer, and why there.
import { textOf } from '../attributes.ts';
import type { Expression } from '../expression/expression.ts';
import { type Folded, fold } from '../expression/fold.ts';
import { call, literal, type Tree } from '../expression/tree.ts';
import { mayCharge } from '../quota-charges.ts';
import type { Action, Denial, HeaderOperation, PolicyRule, PolicySet } from '../rules.ts';
import { isFor, type KnownAttributes, knownAttributes, type WorkloadFacts } from '../workload-facts.ts';
import { listsApiKeys, lowerApiKeys, oneApiKeyRule } from './api-keys.ts';
import { type Cel, celAnd, celNot, celTrue, isConst } from './cel.ts';
import { conditionOf, listedAsText, listedByPattern } from './condition.ts';
import { NotLowerable, readsToken } from './envoy-attributes.ts';
import { type LoweredQuota, placeQuotas } from './quota-placement.ts';

/** Where a rule runs. */
export type Place =
  /** Nowhere: it can't hold for this workload. */
  | 'none'
  /** Envoy's RBAC filter. */
  | 'rbac'
  /** Envoy's RBAC filter, on claims that its jwt_authn filter has verified. */
  | 'jwt-authn'
  /** Envoy's API key filter. */
  | 'api-key-auth'
  /** Envoy's header mutation filter. */
  | 'header-mutation'
  /** Envoy's local rate limit filter. */
  | 'local-rate-limit'
  /** Envoy's rate limit quota filter, with leases from Mixer. */
  | 'rate-limit-quota'
  /** Mixer's rate limit service, asked by Envoy's rate limit filter before the request goes on. */
  | 'rate-limit'
  /** Mixer, asked by Envoy's ext_authz filter before the request goes on. */
  | 'ext-authz'
  /** Mixer, told by access-log entries after the request. */
  | 'access-log';

/** Requests that RBAC refuses. */
export interface LoweredDenial {
  readonly denial: Denial;
  /** Addresses the connection must come from, or must not. */
  readonly sourceIp?: { readonly cidrs: readonly string[]; readonly inside: boolean };
  readonly condition: Cel;
}

/** One rule's place. */
export interface Placement {
  readonly rule: PolicyRule;
  readonly place: Place;
  /** For people. */
  readonly why: string;
  /** For `rbac`, `jwt-authn` and `api-key-auth`. */
  readonly lowered?: LoweredDenial;
  /** For `api-key-auth`: the keys that are let in. */
  readonly apiKeys?: readonly string[];
  /** For the three kinds of rate limits. */
  readonly quota?: LoweredQuota;
  /** For `header-mutation`: with constant values. */
  readonly headers?: { readonly request: readonly LoweredHeader[]; readonly response: readonly LoweredHeader[] };
}

/** A header operation without anything left to evaluate. */
export interface LoweredHeader extends Pick<HeaderOperation, 'name' | 'operation'> {
  readonly value?: string;
}

/** The places of all rules that are for a workload, in order of precedence. */
export function placeRules(set: PolicySet, facts: WorkloadFacts, rootNamespace: string): readonly Placement[] {
  const placements = set.rules
    .filter((rule) => isFor(rule, facts, rootNamespace))
    .map((rule) => placeRule(rule, facts));
  return placeQuotas(oneApiKeyRule(placements), facts);
}

/** See the file's first line. */
export function placeRule(rule: PolicyRule, facts: WorkloadFacts): Placement {
  return placeWith(rule, facts, knownAttributes(facts));
}

/** As `placeRule`, where this is known: of requests, or of connections. */
export function placeWith(rule: PolicyRule, facts: WorkloadFacts, known: KnownAttributes): Placement {
  const when = rule.when === undefined ? always : fold(rule.when.tree, known);
  if (when === 'absent' || (when.kind === 'literal' && when.value !== true)) {
    const why = when === 'absent' ? 'an attribute that `when` needs is absent' : '`when` does not hold';
    return { rule, place: 'none', why: `${why} for any request to this workload` };
  }
  try {
    return lower({ rule, when, folded: (expression) => fold(expression.tree, known), facts });
  } catch (error) {
    if (error instanceof NotLowerable) return { rule, place: 'ext-authz', why: error.message };
    throw error;
  }
}

const always: Tree = literal('BOOL', true);

interface Lowering {
  readonly rule: PolicyRule;
  readonly when: Tree;
  readonly folded: (expression: Expression) => Folded;
  readonly facts: WorkloadFacts;
}

function lower({ rule, when, folded, facts }: Lowering): Placement {
  const { action } = rule;
  switch (action.kind) {
    case 'quota':
      return placeQuota(rule, action, facts);
    case 'report':
      return { rule, place: 'access-log', why: 'it is told of requests when they have ended' };
    case 'check':
      return { rule, place: 'ext-authz', why: `the handler ${action.handler.name} has to be asked` };
    case 'headers':
      return lowerHeaders(rule, action, when, folded);
    case 'deny':
      return rbac(rule, lowerDenial(when, action.denial));
    case 'list':
      if (listsApiKeys(action)) return lowerApiKeys(rule, action, facts);
      return rbac(rule, lowerList(action, when, folded(action.value)));
    default:
      return action satisfies never;
  }
}

function placeQuota(
  rule: PolicyRule,
  { charges }: Extract<Action, { kind: 'quota' }>,
  facts: WorkloadFacts,
): Placement {
  if (mayCharge(charges, facts)) return { rule, place: 'ext-authz', why: 'Mixer counts' };
  return { rule, place: 'none', why: 'no QuotaSpecBinding charges requests to the services of this workload' };
}

function rbac(rule: PolicyRule, lowered: LoweredDenial): Placement {
  if (isConst(lowered.condition, false))
    return { rule, place: 'none', why: 'it can not hold for any request to this workload' };
  if (readsToken(lowered.condition))
    return { rule, place: 'jwt-authn', why: 'Envoy has verified the token whose claims it asks for', lowered };
  return { rule, place: 'rbac', why: 'Envoy knows everything that it asks for', lowered };
}

/** Conditions on the connection's address are RBAC's own; the rest is CEL. */
function lowerDenial(when: Tree, denial: Denial): LoweredDenial {
  const parts = conjuncts(when);
  const addresses = parts.flatMap((part) => sourceIpOf(part) ?? []);
  const [address, ...others] = addresses;
  if (others.length > 0) throw new NotLowerable('several conditions on source.ip are left to Mixer');
  const rest = parts.filter((part) => sourceIpOf(part) === undefined);
  const condition = celAnd(celTrue, ...rest.map((part) => conditionOf(part, true)));
  return { denial, condition, ...(address && { sourceIp: address }) };
}

/** `a && b && c` as a, b, c: true together exactly when each is true. */
function conjuncts(tree: Tree): readonly Tree[] {
  return tree.kind === 'call' && tree.name === 'AND' ? tree.args.flatMap(conjuncts) : [tree];
}

/** `source.ip == ip("…")` or `!=`. The connection always has an address. */
function sourceIpOf(tree: Tree): { readonly cidrs: readonly string[]; readonly inside: boolean } | undefined {
  if (tree.kind !== 'call' || (tree.name !== 'EQ' && tree.name !== 'NEQ')) return undefined;
  const [a, b] = tree.args;
  const [attribute, address] = a?.kind === 'attribute' ? [a, b] : [b, a];
  if (attribute?.kind !== 'attribute' || attribute.name !== 'source.ip' || address?.kind !== 'literal')
    return undefined;
  return { cidrs: [textOf(address.value)], inside: tree.name === 'EQ' };
}

type ListAction = Extract<Action, { kind: 'list' }>;

function lowerList({ type, mode, entries, denial }: ListAction, when: Tree, value: Folded): LoweredDenial {
  const refusesListed = mode === 'DENY';
  if (value === 'absent') return refusesListed ? never(denial) : lowerDenial(when, denial);
  if (type === 'IP_ADDRESSES') {
    if (value.kind !== 'attribute' || value.name !== 'source.ip')
      throw new NotLowerable('a list of addresses is lowered for source.ip only');
    const before = lowerDenial(when, denial);
    if (before.sourceIp !== undefined) throw new NotLowerable('several conditions on source.ip are left to Mixer');
    return { ...before, sourceIp: { cidrs: entries, inside: refusesListed } };
  }
  if (type === 'CASE_INSENSITIVE_STRINGS') throw new NotLowerable('Envoy does not compare texts without case here');
  const listed = call(type === 'REGEX' ? listedByPattern : listedAsText, [
    value,
    literal('STRING', JSON.stringify(entries)),
  ]);
  if (refusesListed) return lowerDenial(call('AND', [when, listed]), denial);
  // Who has no value is not listed either.
  const before = lowerDenial(when, denial);
  return { ...before, condition: celAnd(before.condition, celNot(conditionOf(listed, true))) };
}

function never(denial: Denial): LoweredDenial {
  return { denial, condition: { kind: 'const', value: false } };
}

type HeadersAction = Extract<Action, { kind: 'headers' }>;

function lowerHeaders(
  rule: PolicyRule,
  action: HeadersAction,
  when: Tree,
  folded: (expression: Expression) => Folded,
): Placement {
  if (when.kind !== 'literal') throw new NotLowerable('header changes under a condition are left to Mixer');
  const constant = (operations: readonly HeaderOperation[]) =>
    operations.flatMap(({ name, operation, value, omitEmpty = false }): LoweredHeader[] => {
      if (value === undefined) return [{ name, operation }];
      const result = folded(value);
      if (result === 'absent') return [];
      if (result.kind !== 'literal') throw new NotLowerable(`the value of ${name} depends on the request`);
      return omitEmpty && result.value === '' ? [] : [{ name, operation, value: textOf(result.value) }];
    });
  const headers = { request: constant(action.request), response: constant(action.response) };
  return { rule, place: 'header-mutation', why: 'its values are the same for every request', headers };
}
