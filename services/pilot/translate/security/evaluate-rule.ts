// Whether one rule of an AuthorizationPolicy matches a request, and by which fields: the reference for what the proxies do.
import type { Condition, Operation, Rule, Source } from '../../../../mesh/config/schemas/authorization-policy.ts';
import {
  isInBlock,
  matchesGlob,
  matchesHeader,
  matchesHost,
  matchesPath,
  matchesWildcard,
  mayMatchPath,
} from './evaluate-values.ts';
import type { PolicyAction } from './policy-polarity.ts';
import { spiffeScheme } from './principals.ts';
import { expandPrincipal, expandTrustDomain } from './trust-domains.ts';

/** A request, or a connection where `http` is absent, as the receiving proxy sees it. */
export interface RequestDescription {
  /** SPIFFE ID of the peer's certificate; absent under plaintext. */
  readonly principal?: string;
  /** Address of the connection. */
  readonly sourceIp: string;
  /** Address of the client, as X-Forwarded-For tells; default `sourceIp`. */
  readonly remoteIp?: string;
  readonly destinationIp?: string;
  readonly destinationPort: number;
  readonly sni?: string;
  readonly http?: HttpDescription;
}

/** The part that only HTTP has. */
export interface HttpDescription {
  readonly method: string;
  /** Host header or `:authority`. */
  readonly host: string;
  /** Without query, as the proxy's path normalisation leaves it. */
  readonly path: string;
  /** By lower-case name; values in the order in which they came. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Payload of the valid token; absent without one. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** What matching needs besides rule and request. */
export interface RuleContext {
  readonly action: PolicyAction;
  readonly namespace: string;
  readonly trustDomains: readonly string[];
}

/** Whether the rule matches; `fields` are those that matched, or the first of each alternative that did not. */
export interface RuleResult {
  readonly matches: boolean;
  readonly fields: readonly string[];
}

interface Field {
  readonly name: string;
  readonly isHttp?: boolean;
  readonly values: readonly string[] | undefined;
  /** Whether one value holds; `loosely` where every way to write the same thing counts. */
  readonly holds: (value: string, loosely: boolean) => boolean;
  readonly isNegative: boolean;
}

/** See the file's first line. */
export function evaluateRule(rule: Rule, request: RequestDescription, context: RuleContext): RuleResult {
  const conditions = (rule.when ?? []).flatMap((condition) => conditionFields(condition, request, context));
  const sources = rule.from?.map(({ source }) => sourceFields(source ?? {}, request, context)) ?? [[]];
  const operations = rule.to?.map(({ operation }) => operationFields(operation ?? {}, request)) ?? [[]];
  const isTcp = request.http === undefined;
  const every = [...conditions, ...sources.flat(), ...operations.flat()].filter(isGiven);
  const needsHttp = every.find(({ isHttp }) => isHttp);
  if (isTcp && context.action === 'ALLOW' && needsHttp) return { matches: false, fields: [needsHttp.name] };
  const matched: string[] = [];
  const missed: string[] = [];
  for (const alternatives of [sources, operations, [conditions]]) {
    const results = alternatives.map((fields) =>
      firstMiss(
        fields.filter((field) => isGiven(field) && !(isTcp && field.isHttp)),
        context,
      ),
    );
    const at = results.indexOf(undefined);
    if (at >= 0) matched.push(...(alternatives[at] ?? []).filter(isGiven).map(({ name }) => name));
    else missed.push(...results.flatMap((name) => name ?? []));
  }
  return missed.length > 0 ? { matches: false, fields: missed } : { matches: true, fields: matched };
}

function isGiven({ values }: Field): boolean {
  return values !== undefined && values.length > 0;
}

/** Name of the first field that does not hold; undefined when all do. */
function firstMiss(fields: readonly Field[], { action }: RuleContext): string | undefined {
  return fields.find(({ values, holds, isNegative }) => {
    const keepsOut = (action === 'DENY' || action === 'CUSTOM') !== isNegative;
    const isAny = (values ?? []).some((value) => holds(value, keepsOut));
    return isAny === isNegative;
  })?.name;
}

/** A field and its negation. */
function pair(
  names: readonly [string, string],
  values: readonly (readonly string[] | undefined)[],
  holds: Field['holds'],
  isHttp = false,
): readonly Field[] {
  return names.map((name, index) => ({ name, values: values[index], holds, isHttp, isNegative: index === 1 }));
}

function sourceFields(source: Source, request: RequestDescription, context: RuleContext): readonly Field[] {
  const { sourceIp, remoteIp = sourceIp } = request;
  const isPrincipal = hasPrincipal(request, context);
  const isAccount = hasServiceAccount(request, context);
  return [
    ...pair(['from.principals', 'from.notPrincipals'], [source.principals, source.notPrincipals], isPrincipal),
    ...pair(
      ['from.requestPrincipals', 'from.notRequestPrincipals'],
      [source.requestPrincipals, source.notRequestPrincipals],
      (value) => hasRequestPrincipal(request, value),
      true,
    ),
    ...pair(['from.namespaces', 'from.notNamespaces'], [source.namespaces, source.notNamespaces], inNamespace(request)),
    ...pair(
      ['from.serviceAccounts', 'from.notServiceAccounts'],
      [source.serviceAccounts, source.notServiceAccounts],
      isAccount,
    ),
    ...pair(['from.ipBlocks', 'from.notIpBlocks'], [source.ipBlocks, source.notIpBlocks], (value) =>
      isInBlock(sourceIp, value),
    ),
    ...pair(
      ['from.remoteIpBlocks', 'from.notRemoteIpBlocks'],
      [source.remoteIpBlocks, source.notRemoteIpBlocks],
      (value) => isInBlock(remoteIp, value),
    ),
    ...pair(
      ['from.trustDomains', 'from.notTrustDomains'],
      [source.trustDomains, source.notTrustDomains],
      isOfTrustDomain(request, context),
    ),
  ];
}

function isOfTrustDomain(request: RequestDescription, context: RuleContext): Field['holds'] {
  return (value) => {
    const { trustDomain } = identity(request) ?? {};
    if (trustDomain === undefined) return false;
    return expandTrustDomain(value, context.trustDomains).some((one) => matchesGlob(trustDomain, one));
  };
}

function operationFields(operation: Operation, { http, destinationPort }: RequestDescription): readonly Field[] {
  const { host = '', method = '', path = '' } = http ?? {};
  return [
    ...pair(
      ['to.hosts', 'to.notHosts'],
      [operation.hosts, operation.notHosts],
      (value, loosely) => matchesHost(host, value, loosely),
      true,
    ),
    ...pair(
      ['to.methods', 'to.notMethods'],
      [operation.methods, operation.notMethods],
      (value) => matchesWildcard(method, value),
      true,
    ),
    ...pair(
      ['to.paths', 'to.notPaths'],
      [operation.paths, operation.notPaths],
      (value, loosely) => (loosely ? mayMatchPath(path, value) : matchesPath(path, value)),
      true,
    ),
    ...pair(
      ['to.ports', 'to.notPorts'],
      [operation.ports, operation.notPorts],
      (value) => Number(value) === destinationPort,
    ),
  ];
}

function conditionFields(condition: Condition, request: RequestDescription, context: RuleContext): readonly Field[] {
  const { key } = condition;
  const isHttp = key.startsWith('request.');
  const name = `when[${key}]`;
  return pair(
    [`${name}.values`, `${name}.notValues`],
    [condition.values, condition.notValues],
    attribute(key, request, context),
    isHttp,
  );
}

/** How the values of a `when` key compare. */
function attribute(key: string, request: RequestDescription, context: RuleContext): Field['holds'] {
  const { http, sourceIp, remoteIp = sourceIp, destinationIp = '', destinationPort, sni = '' } = request;
  switch (key) {
    case 'source.ip':
      return (value) => isInBlock(sourceIp, value);
    case 'remote.ip':
      return (value) => isInBlock(remoteIp, value);
    case 'source.namespace':
      return inNamespace(request);
    case 'source.principal':
      return hasPrincipal(request, context);
    case 'source.serviceAccount':
      return hasServiceAccount(request, context);
    case 'source.trustDomain':
      return isOfTrustDomain(request, context);
    case 'destination.ip':
      return (value) => isInBlock(destinationIp, value);
    case 'destination.port':
      return (value) => Number(value) === destinationPort;
    case 'connection.sni':
      return (value) => matchesWildcard(sni, value);
    case 'request.auth.principal':
      return (value) => hasRequestPrincipal(request, value);
    case 'request.auth.audiences':
      return (value) => hasClaim(http, ['aud'], value);
    case 'request.auth.presenter':
      return (value) => hasClaim(http, ['azp'], value);
    default: {
      const names = [...key.matchAll(/\[([^[\]]+)\]/g)].map((match) => match[1] ?? '');
      if (key.startsWith('request.auth.claims[')) return (value) => hasClaim(http, names, value);
      if (!key.startsWith('request.headers[')) return () => false;
      const header = http?.headers[names[0]?.toLowerCase() ?? ''] ?? [];
      return (value, loosely) => matchesHeader(header, value, loosely);
    }
  }
}

function hasPrincipal({ principal }: RequestDescription, { trustDomains }: RuleContext): Field['holds'] {
  return (value) => {
    if (principal === undefined) return false;
    if (value === '*') return principal !== '';
    if (!principal.startsWith(spiffeScheme)) return false;
    const id = principal.slice(spiffeScheme.length);
    return expandPrincipal(value, trustDomains).some((one) => matchesWildcard(id, one));
  };
}

function identity({ principal }: RequestDescription) {
  const match = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal ?? '');
  return match ? { trustDomain: match[1], namespace: match[2], account: match[3] } : undefined;
}

function inNamespace(request: RequestDescription): Field['holds'] {
  const { namespace } = identity(request) ?? {};
  return (value) => namespace !== undefined && matchesGlob(namespace, value);
}

function hasServiceAccount(request: RequestDescription, { namespace }: RuleContext): Field['holds'] {
  const own = identity(request);
  return (value) => {
    const wanted = value.includes('/') ? value : `${namespace}/${value}`;
    return own !== undefined && `${own.namespace}/${own.account}` === wanted;
  };
}

/** `ISSUER/SUBJECT`, with `*` at one end; without a slash the value is of the one that the `*` is not at. */
function hasRequestPrincipal({ http }: RequestDescription, value: string): boolean {
  const { iss, sub } = http?.claims ?? {};
  if (typeof iss !== 'string' || typeof sub !== 'string') return false;
  if (value === '*') return iss !== '' && sub !== '';
  const slash = value.lastIndexOf('/');
  if (slash < 0) {
    if (value.startsWith('*')) return iss !== '' && matchesWildcard(sub, value);
    if (value.endsWith('*')) return matchesWildcard(iss, value) && sub !== '';
    return iss === value && sub === '';
  }
  const [issuer, subject] = [value.slice(0, slash), value.slice(slash + 1)];
  if (value.startsWith('*')) return matchesWildcard(iss, issuer) && sub === subject;
  return iss === issuer && (value.endsWith('*') ? matchesWildcard(sub, subject) : sub === subject);
}

/** Claims that are lists written as one string. */
const spaceDelimited = ['scope', 'permission'];

function hasClaim(http: HttpDescription | undefined, path: readonly string[], value: string): boolean {
  let claim: unknown = http?.claims;
  for (const name of path) {
    if (typeof claim !== 'object' || claim === null || !Object.hasOwn(claim, name)) return false;
    claim = (claim as Record<string, unknown>)[name];
  }
  const [only = ''] = path;
  if (typeof claim === 'string' && path.length === 1 && spaceDelimited.includes(only)) claim = claim.split(' ');
  const texts = Array.isArray(claim) ? claim : [claim];
  return texts.some((text) => typeof text === 'string' && matchesWildcard(text, value));
}
