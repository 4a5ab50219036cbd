// Rules of a VirtualService that are never reached, and matches that earlier ones cover: IST0130 and IST0131, as Istio finds them.
import type { HTTPMatchRequest, StringMatch } from '../schemas/virtual-service.ts';
import type { Place } from './place.ts';

interface Rule {
  readonly name?: string;
  readonly match?: readonly object[];
}

/** A rule's match of a path's prefix, and where it stands. */
interface PrefixMatch {
  readonly rule: string;
  readonly name: string;
  readonly prefix: string;
  readonly match: HTTPMatchRequest;
  readonly place: Place;
}

/** Reports what is not reached among the HTTP, TCP or TLS `rules` of one VirtualService; only HTTP matches have prefixes. */
export function checkUnreachable(rules: readonly Rule[], place: Place): void {
  const seen = new Map<string, string>();
  const prefixes: PrefixMatch[] = [];
  let hasCatchAll = false;
  for (const [index, rule] of rules.entries()) {
    const name = nameOf(rule, index);
    const at = place.at(index);
    const matches = rule.match ?? [];
    if (matches.length === 0) {
      if (hasCatchAll) unused(at, name, 'only the last rule can have no matches');
      hasCatchAll = true;
      continue;
    }
    if (hasCatchAll) {
      unused(at, name, 'route without matches defined before');
      continue;
    }
    let repeated = 0;
    for (const [position, match] of matches.entries()) {
      const earlier = seen.get(keyOf(match));
      const where = at.at('match', position);
      if (earlier !== undefined) {
        ineffective(where, name, [nameOf(match, position), earlier]);
        repeated++;
        continue;
      }
      seen.set(keyOf(match), name);
      const { prefix } = (match as HTTPMatchRequest).uri ?? {};
      if (prefix) prefixes.push({ rule: name, name: nameOf(match, position), prefix, match, place: where });
    }
    if (repeated === matches.length) unused(at, name, 'all matches used by prior rules');
  }
  checkPrefixes(prefixes);
}

function checkPrefixes(prefixes: readonly PrefixMatch[]): void {
  for (const [index, wide] of prefixes.entries())
    for (const narrow of prefixes.slice(index + 1))
      if (narrow.prefix !== wide.prefix && narrow.prefix.startsWith(wide.prefix) && covers(wide.match, narrow.match))
        ineffective(narrow.place, narrow.rule, [
          `${narrow.name} of prefix ${narrow.prefix}`,
          `${wide.name} of prefix ${wide.prefix} on ${wide.rule}`,
        ]);
}

/** Whether the rest of `narrow` holds wherever that of `wide` does. Istio takes a match without a method for one of GET. */
function covers(wide: HTTPMatchRequest, narrow: HTTPMatchRequest): boolean {
  const method = (match: HTTPMatchRequest) => textOf(match.method) || textOf({ exact: 'GET' });
  return (
    (wide.port ?? 0) === (narrow.port ?? 0) &&
    method(wide).startsWith(method(narrow)) &&
    textOf(wide.authority).startsWith(textOf(narrow.authority)) &&
    (['headers', 'queryParams', 'withoutHeaders'] as const).every((kind) => sameNames(wide[kind], narrow[kind]))
  );
}

function sameNames(
  wide: Readonly<Record<string, StringMatch>> = {},
  narrow: Readonly<Record<string, StringMatch>> = {},
): boolean {
  if (Object.keys(wide).length !== Object.keys(narrow).length) return false;
  return Object.entries(wide).every(([name, value]) => {
    const other = narrow[name];
    return other !== undefined && textOf(value).startsWith(textOf(other));
  });
}

function textOf(match: StringMatch | undefined): string {
  if (match?.exact) return `exact:${match.exact}`;
  return match?.prefix ? `prefix:${match.prefix}` : '';
}

/** Equal for matches that say the same; a match's name says nothing. */
function keyOf(match: object): string {
  return JSON.stringify(match, (key, value: unknown) => {
    if (key === 'name' && typeof value === 'string') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function nameOf(named: { readonly name?: string }, index: number): string {
  return named.name ? JSON.stringify(named.name) : `#${index}`;
}

function unused(place: Place, rule: string, reason: string): void {
  place.warn(`VirtualService rule ${rule} not used (${reason}).`, 'IST0130');
}

function ineffective(place: Place, rule: string, [match, duplicate]: readonly [string, string]): void {
  place.warn(
    `VirtualService rule ${rule} match ${match} is not used (duplicate/overlapping match in rule ${duplicate}).`,
    'IST0131',
  );
}
