// Which request headers the expressions of rules read: Mixer is sent those alone.
import { textOf } from './attributes.ts';
import { nodesOf, type Tree } from './expression/tree.ts';
import type { Action, FieldExpressions, PolicyRule } from './rules.ts';

/** Attributes that are headers under another name. */
const fromHeaders: ReadonlyMap<string, readonly string[]> = new Map([
  ['request.useragent', ['user-agent']],
  ['request.referer', ['referer']],
  ['request.api_key', ['x-api-key']],
  ['request.id', ['x-request-id']],
]);

/** Header names in order, or `all` where an expression takes them all together. */
export function referencedHeaders(rules: readonly PolicyRule[]): readonly string[] | 'all' {
  const names = new Set<string>();
  for (const tree of rules.flatMap(treesOf)) {
    for (const node of nodesOf(tree)) {
      if (node.kind === 'attribute') {
        if (node.name === 'request.headers' && !isIndexed(tree, node)) return 'all';
        for (const name of fromHeaders.get(node.name) ?? []) names.add(name);
      } else if (node.kind === 'call' && node.name === 'INDEX') {
        const [map, key] = node.args;
        if (map?.kind === 'attribute' && map.name === 'request.headers' && key?.kind === 'literal')
          names.add(textOf(key.value));
      }
    }
  }
  return [...names].sort();
}

/** Whether a mention of a map is one that asks for a single, literal key. */
function isIndexed(tree: Tree, mention: Tree): boolean {
  for (const node of nodesOf(tree))
    if (node.kind === 'call' && node.name === 'INDEX' && node.args[0] === mention)
      return node.args[1]?.kind === 'literal';
  return false;
}

/** Every expression of a rule. */
export function treesOf({ when, action }: PolicyRule): readonly Tree[] {
  return [...(when ? [when.tree] : []), ...treesOfAction(action)];
}

function treesOfAction(action: Action): readonly Tree[] {
  switch (action.kind) {
    case 'list':
      return [action.value.tree];
    case 'check':
    case 'report':
      return treesOfFields(action.instance.fields);
    case 'quota':
      return [
        ...treesOfFields(action.instance.fields),
        ...action.charges.flatMap(({ match }) => match.map(({ tree }) => tree)),
      ];
    case 'headers':
      return [...action.request, ...action.response].flatMap(({ value }) => (value ? [value.tree] : []));
    case 'deny':
      return [];
    default:
      return action satisfies never;
  }
}

function treesOfFields(fields: FieldExpressions): readonly Tree[] {
  return Object.values(fields).flatMap((field) =>
    'evaluate' in field && typeof field.evaluate === 'function'
      ? [(field as { readonly tree: Tree }).tree]
      : treesOfFields(field as FieldExpressions),
  );
}
