// Which headers the expressions of rules read: Mixer is sent those alone.
import { textOf } from './attributes.ts';
import { nodesOf, type Tree } from './expression/tree.ts';
import type { Action, FieldExpressions, PolicyRule } from './rules.ts';

/** Attributes of STRING_MAP that hold headers. */
export type HeaderMap = 'request.headers' | 'response.headers';

/** Attributes that are headers under another name. */
const underOtherNames: Readonly<Record<HeaderMap, ReadonlyMap<string, readonly string[]>>> = {
  'request.headers': new Map([
    ['request.useragent', ['user-agent']],
    ['request.referer', ['referer']],
    ['request.api_key', ['x-api-key']],
    ['request.id', ['x-request-id']],
    ['context.protocol', ['content-type']],
    ['api.protocol', ['content-type']],
    ['api.service', ['content-type']],
    ['api.operation', ['content-type']],
  ]),
  'response.headers': new Map([
    ['response.grpc_status', ['grpc-status']],
    ['response.grpc_message', ['grpc-message']],
  ]),
};

/** Header names in order, or `all` where an expression takes them all together. */
export function referencedHeaders(
  rules: readonly PolicyRule[],
  map: HeaderMap = 'request.headers',
): readonly string[] | 'all' {
  const trees = rules.flatMap(treesOf);
  const takesAll = trees.some((tree) =>
    [...nodesOf(tree)].some((node) => node.kind === 'attribute' && node.name === map && !isIndexed(tree, node)),
  );
  return takesAll ? 'all' : namedHeaders(rules, map);
}

/** Header names in order that expressions ask for one by one. */
export function namedHeaders(rules: readonly PolicyRule[], map: HeaderMap): readonly string[] {
  const names = rules
    .flatMap(treesOf)
    .flatMap((tree) => [...nodesOf(tree)])
    .flatMap((node) => namesIn(node, map));
  return [...new Set(names)].sort();
}

function namesIn(node: Tree, map: HeaderMap): readonly string[] {
  if (node.kind === 'attribute') return underOtherNames[map].get(node.name) ?? [];
  if (node.kind !== 'call' || node.name !== 'INDEX') return [];
  const [indexed, key] = node.args;
  const isHeader = indexed?.kind === 'attribute' && indexed.name === map && key?.kind === 'literal';
  return isHeader ? [textOf(key.value)] : [];
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
