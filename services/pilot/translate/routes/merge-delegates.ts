// Delegated routes: a root VirtualService's rule and the rules of the VirtualService it delegates to become one list.
import type { HTTPMatchRequest, HTTPRoute, StringMatch } from '../../../../mesh/config/schemas/virtual-service.ts';

/**
 * The delegate's rules, each narrowed by the root rule's matches and filled in from it; rules that contradict the root are
 * dropped (istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate).
 */
export function mergeDelegate(root: HTTPRoute, delegate: readonly HTTPRoute[]): HTTPRoute[] {
  return delegate.flatMap((rule) => {
    const match = mergeMatches(root.match ?? [], rule.match ?? []);
    return match === undefined ? [] : [mergeRule(root, rule, match)];
  });
}

const inherited = [
  'rewrite',
  'directResponse',
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrorPercent',
  'mirrorPercentage',
  'corsPolicy',
  'mirrors',
  'headers',
] as const satisfies readonly (keyof HTTPRoute)[];

function mergeRule(root: HTTPRoute, rule: HTTPRoute, match: readonly HTTPMatchRequest[]): HTTPRoute {
  const filled = Object.fromEntries(
    inherited.filter((field) => rule[field] === undefined && root[field] !== undefined).map((f) => [f, root[f]]),
  );
  const name = joinNames(root.name, rule.name);
  return { ...rule, ...filled, match, ...(name === undefined ? {} : { name }) };
}

/** Undefined when some match of the delegate fits no match of the root. */
function mergeMatches(
  roots: readonly HTTPMatchRequest[],
  leaves: readonly HTTPMatchRequest[],
): readonly HTTPMatchRequest[] | undefined {
  if (roots.length === 0) return leaves;
  if (leaves.length === 0) return roots;
  const merged: HTTPMatchRequest[] = [];
  for (const leaf of leaves) {
    const fitting = roots.filter((root) => !contradicts(root, leaf));
    if (fitting.length === 0) return undefined;
    merged.push(...fitting.map((root) => mergeMatch(root, leaf)));
  }
  return merged;
}

function mergeMatch(root: HTTPMatchRequest, leaf: HTTPMatchRequest): HTTPMatchRequest {
  const name = joinNames(root.name, leaf.name);
  const gateways = leaf.gateways?.length ? leaf.gateways : root.gateways;
  return {
    ...root,
    ...leaf,
    ...(name === undefined ? {} : { name }),
    ...(gateways === undefined ? {} : { gateways }),
    headers: { ...root.headers, ...leaf.headers },
    withoutHeaders: { ...root.withoutHeaders, ...leaf.withoutHeaders },
    queryParams: { ...root.queryParams, ...leaf.queryParams },
    sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels },
  };
}

function joinNames(root: string | undefined, leaf: string | undefined): string | undefined {
  return root && leaf ? `${root}-${leaf}` : leaf || root;
}

function contradicts(root: HTTPMatchRequest, leaf: HTTPMatchRequest): boolean {
  return (
    (['uri', 'scheme', 'method', 'authority'] as const).some((field) => stringsContradict(root[field], leaf[field])) ||
    (['headers', 'withoutHeaders', 'queryParams'] as const).some((field) =>
      Object.entries(leaf[field] ?? {}).some(([key, value]) => stringsContradict(root[field]?.[key], value)),
    ) ||
    (root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false) ||
    (!!root.port && !!leaf.port && root.port !== leaf.port) ||
    (!!root.sourceNamespace && root.sourceNamespace !== leaf.sourceNamespace) ||
    Object.entries(leaf.sourceLabels ?? {}).some(([key, value]) => (root.sourceLabels?.[key] ?? value) !== value) ||
    gatewaysContradict(root.gateways ?? [], leaf.gateways ?? [])
  );
}

function gatewaysContradict(root: readonly string[], leaf: readonly string[]): boolean {
  return root.length > 0 && leaf.some((gateway) => !root.includes(gateway));
}

/** A leaf may only be narrower than its root; regular expressions can't be compared. */
function stringsContradict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false;
  if (root.regex || leaf.regex) return true;
  if (root.exact) return leaf.exact !== root.exact;
  if (root.prefix) return !(leaf.prefix || leaf.exact || '').startsWith(root.prefix);
  return true;
}
