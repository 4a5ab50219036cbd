// Expressions as CEL conditions for Envoy: true exactly when Mixer's evaluation gives true, absent attributes included.
import { textOf } from '../attributes.ts';
import type { Tree } from '../expression/tree.ts';
import { type Cel, celAnd, celCall, celConst, celFalse, celNot, celOr, celSize, celTrue } from './cel.ts';
import {
  attributeInCel,
  type CelValue,
  claimInCel,
  headerInCel,
  NotLowerable,
  peerUri,
  spiffeScheme,
} from './envoy-attributes.ts';
import { isSmallPattern } from './small-pattern.ts';

/** Larger conditions cost a proxy more than a call: they stay in Mixer. */
export const maxConditionNodes = 400;

/** The condition under which a BOOL expression has the value `wanted`. Throws NotLowerable. */
export function conditionOf(tree: Tree, wanted: boolean): Cel {
  const condition = truth(tree, wanted);
  if (celSize(condition) > maxConditionNodes) throw new NotLowerable('its condition is too large for a proxy');
  return condition;
}

/** Predicates that only lists have: a value, and the entries as a JSON text. */
export const listedAsText = 'LISTED';
/** See `listedAsText`; entries are regular expressions. */
export const listedByPattern = 'LISTED_BY_PATTERN';

type Call = Extract<Tree, { kind: 'call' }>;

function truth(tree: Tree, wanted: boolean): Cel {
  if (tree.kind === 'literal') return celConst(tree.value === wanted);
  if (tree.kind === 'attribute') {
    const { present, value } = attributeInCel(tree.name);
    return celAnd(present, wanted ? value : celNot(value));
  }
  const [a, b, c] = tree.args;
  if (a === undefined) throw new NotLowerable(`${tree.name} is left to Mixer`);
  if (b === undefined) {
    if (tree.name === 'NOT') return truth(a, !wanted);
    throw new NotLowerable(`${tree.name} is left to Mixer`);
  }
  switch (tree.name) {
    case 'AND':
      return wanted
        ? bounded(celAnd(truth(a, true), truth(b, true)))
        : bounded(celOr(truth(a, false), celAnd(truth(a, true), truth(b, false))));
    case 'OR':
      return wanted
        ? bounded(celOr(truth(a, true), celAnd(truth(a, false), truth(b, true))))
        : bounded(celAnd(truth(a, false), truth(b, false)));
    case 'DEFAULT':
      return bounded(celOr(truth(a, wanted), celAnd(celNot(hasValue(a)), truth(b, wanted))));
    case 'conditional':
      if (c === undefined) throw new NotLowerable('conditional takes three arguments');
      return bounded(celOr(celAnd(truth(a, true), truth(b, wanted)), celAnd(truth(a, false), truth(c, wanted))));
    default:
      return predicate(tree, a, b, wanted);
  }
}

/** Negations double what they negate: growth stops early. */
function bounded(cel: Cel): Cel {
  if (celSize(cel) > 2 * maxConditionNodes) throw new NotLowerable('its condition is too large for a proxy');
  return cel;
}

/** When a tree of any type has a value. */
function hasValue(tree: Tree): Cel {
  if (tree.kind === 'literal') return celTrue;
  if (tree.kind === 'call') {
    const [a, b] = tree.args;
    if (tree.name === 'DEFAULT' && a && b) return celOr(hasValue(a), hasValue(b));
    if (tree.name !== 'INDEX') throw new NotLowerable(`whether ${tree.name} has a value is left to Mixer`);
  } else if (isPeer(tree)) return isPrincipal();
  else if (isTokenPrincipal(tree)) return celAnd(claimInCel('iss').present, claimInCel('sub').present);
  return operandOf(tree).present;
}

/** A comparison; alternatives in its arguments become alternatives of comparisons. */
function predicate(tree: Call, a: Tree, b: Tree, wanted: boolean): Cel {
  for (const [arg, other, rebuild] of [
    [a, b, (x: Tree) => predicate(tree, x, b, wanted)],
    [b, a, (x: Tree) => predicate(tree, a, x, wanted)],
  ] as const) {
    if (arg.kind !== 'call') continue;
    const [first, second, third] = arg.args;
    if (arg.name === 'DEFAULT' && first && second)
      return bounded(celOr(rebuild(first), celAnd(celNot(hasValue(first)), rebuild(second))));
    if (arg.name === 'conditional' && first && second && third)
      return bounded(celOr(celAnd(truth(first, true), rebuild(second)), celAnd(truth(first, false), rebuild(third))));
    if (other.kind === 'call' && other.name === 'DEFAULT') continue;
  }
  if (isPeer(a) && (tree.name === listedAsText || tree.name === listedByPattern))
    throw new NotLowerable('a list of principals is left to Mixer');
  if (tree.name === 'NEQ') return predicate({ ...tree, name: 'EQ' }, a, b, !wanted);
  return isPeer(a) || isPeer(b) ? peerPredicate(tree.name, a, b, wanted) : plainPredicate(tree.name, a, b, wanted);
}

function plainPredicate(name: string, a: Tree, b: Tree, wanted: boolean): Cel {
  const principal = principalOfToken(name, a, b, wanted);
  if (principal !== undefined) return principal;
  const [left, right] = [operandOf(name === 'matches' ? b : a), operandOf(name === 'matches' ? a : b)];
  const holds = comparison(name, left.value, right.value);
  return celAnd(left.present, right.present, wanted ? holds : celNot(holds));
}

const orders: Readonly<Record<string, string>> = { LT: '_<_', LEQ: '_<=_', GT: '_>_', GEQ: '_>=_' };

function comparison(name: string, a: Cel, b: Cel): Cel {
  if (name === 'EQ') return celCall('_==_', [a, b]);
  if (name === 'startsWith' || name === 'endsWith') return celCall(name, [b], a);
  if (name === 'match') return globOf(a, b);
  if (name === 'matches') return patternOf(a, b);
  if (name === listedAsText || name === listedByPattern) return listed(name, a, b);
  const order = orders[name];
  const isNumber = (cel: Cel) => cel.kind === 'const' && typeof cel.value === 'number';
  // Texts are ordered by bytes there and by UTF-16 units here.
  if (order !== undefined && (isNumber(a) || isNumber(b))) return celCall(order, [a, b]);
  throw new NotLowerable(`${name} is left to Mixer`);
}

function listed(name: string, value: Cel, entries: Cel): Cel {
  const texts = JSON.parse(String(entries.kind === 'const' ? entries.value : '[]')) as readonly string[];
  if (name === listedAsText) return celCall('@in', [value, { kind: 'list', items: texts.map(celConst) }]);
  return celOr(...texts.map((text) => patternOf(value, celConst(text))));
}

function globOf(value: Cel, pattern: Cel): Cel {
  if (pattern.kind !== 'const' || typeof pattern.value !== 'string')
    throw new NotLowerable('a pattern that is no literal is left to Mixer');
  const glob = pattern.value;
  if (glob.endsWith('*')) return celCall('startsWith', [celConst(glob.slice(0, -1))], value);
  if (glob.startsWith('*')) return celCall('endsWith', [celConst(glob.slice(1))], value);
  return celCall('_==_', [value, pattern]);
}

function patternOf(value: Cel, pattern: Cel): Cel {
  if (pattern.kind === 'const' && typeof pattern.value === 'string' && isSmallPattern(pattern.value))
    return celCall('matches', [pattern], value);
  throw new NotLowerable("a regular expression beyond Envoy's bound for CEL is left to Mixer");
}

/** What a tree without operators is in CEL. Throws NotLowerable. */
export function operandOf(tree: Tree): CelValue {
  if (tree.kind === 'literal') {
    if (typeof tree.value === 'object' || tree.type === 'DOUBLE')
      throw new NotLowerable(`${tree.type} is left to Mixer`);
    if (['TIMESTAMP', 'DURATION', 'IP_ADDRESS', 'EMAIL_ADDRESS', 'DNS_NAME', 'URI'].includes(tree.type))
      throw new NotLowerable(`comparing ${tree.type} is left to Mixer`);
    return { present: celTrue, value: celConst(tree.value) };
  }
  if (tree.kind === 'attribute') return attributeInCel(tree.name);
  const [map, key] = tree.args;
  if (tree.name !== 'INDEX' || key?.kind !== 'literal') throw new NotLowerable(`${tree.name} is left to Mixer`);
  if (map?.kind === 'literal') return { present: celFalse, value: celConst('') };
  if (map?.kind === 'attribute' && map.name === 'request.headers') return headerInCel(textOf(key.value));
  if (map?.kind === 'attribute' && map.name === 'request.auth.claims') return claimInCel(textOf(key.value));
  throw new NotLowerable(`Envoy does not know ${map?.kind === 'attribute' ? map.name : 'this map'} as Mixer does`);
}

const peerNames: readonly string[] = ['source.principal', 'source.user', 'source.namespace'];

function isPeer(tree: Tree): boolean {
  return tree.kind === 'attribute' && peerNames.includes(tree.name);
}

/** Mixer has a principal where the peer's certificate has a SPIFFE ID. */
function isPrincipal(): Cel {
  return celAnd(peerUri.present, celCall('startsWith', [celConst(spiffeScheme)], peerUri.value));
}

function peerPredicate(name: string, a: Tree, b: Tree, wanted: boolean): Cel {
  const [peer, other] = isPeer(a) ? [a, b] : [b, a];
  if (peer.kind !== 'attribute' || other.kind !== 'literal' || typeof other.value !== 'string')
    throw new NotLowerable('comparing the peer with another attribute is left to Mixer');
  if (peer.name === 'source.namespace') return namespacePredicate(name, other.value, wanted);
  const { value } = peerUri;
  const text = other.value;
  const holds = (() => {
    if (name === 'EQ') return celCall('_==_', [value, celConst(spiffeScheme + text)]);
    if (name === 'startsWith' && peer === a) return celCall('startsWith', [celConst(spiffeScheme + text)], value);
    if (name === 'match' && peer === a && text.endsWith('*'))
      return celCall('startsWith', [celConst(spiffeScheme + text.slice(0, -1))], value);
    if (name === 'match' && peer === a && !text.startsWith('*'))
      return celCall('_==_', [value, celConst(spiffeScheme + text)]);
    throw new NotLowerable(`${name} of the peer's principal is left to Mixer`);
  })();
  return celAnd(isPrincipal(), wanted ? holds : celNot(holds));
}

function namespacePredicate(name: string, namespace: string, wanted: boolean): Cel {
  if (name !== 'EQ' || !/^[a-z0-9-]{1,63}$/.test(namespace)) throw new NotLowerable('left to Mixer');
  const within = (pattern: string) =>
    celCall('matches', [celConst(`^spiffe://[^/]+/ns/${pattern}/sa/[^/]+$`)], peerUri.value);
  const holds = within(namespace);
  return celAnd(peerUri.present, wanted ? holds : celAnd(within('[^/]+'), celNot(holds)));
}

/** request.auth.principal is ISSUER/SUBJECT: each slash of the text may be the one between them. */
function principalOfToken(name: string, a: Tree, b: Tree, wanted: boolean): Cel | undefined {
  if (!isTokenPrincipal(a) && !isTokenPrincipal(b)) return undefined;
  const other = isTokenPrincipal(a) ? b : a;
  if (name !== 'EQ' || other.kind !== 'literal' || typeof other.value !== 'string')
    throw new NotLowerable("this use of the token's principal is left to Mixer");
  const text = other.value;
  const [issuer, subject] = [claimInCel('iss'), claimInCel('sub')];
  const slashes = Array.from(text.matchAll(/\//g), ({ index }) => index);
  const ways = slashes.map((at) =>
    celAnd(
      celCall('_==_', [issuer.value, celConst(text.slice(0, at))]),
      celCall('_==_', [subject.value, celConst(text.slice(at + 1))]),
    ),
  );
  const holds = celOr(...ways);
  return celAnd(issuer.present, subject.present, wanted ? holds : celNot(holds));
}

function isTokenPrincipal(tree: Tree): boolean {
  return tree.kind === 'attribute' && tree.name === 'request.auth.principal';
}
