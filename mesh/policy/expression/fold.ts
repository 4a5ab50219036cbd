// Computes of an expression what is known already: with the workload's attributes many rules hold always, or never.
import { type AttributeValue, textOf } from '../attributes.ts';
import { functions } from './functions.ts';
import { compilePattern } from './patterns.ts';
import { call, literal, type Tree } from './tree.ts';

/** What is left: a tree, or nothing but the knowledge that there is no value. */
export type Folded = Tree | 'absent';

/** Attributes with their values, or `undefined` where they are known to be absent. */
export type Known = ReadonlyMap<string, AttributeValue | undefined>;

/** `tree` with `known` put in. It has the same value for every request for which `known` is true. */
export function fold(tree: Tree, known: Known): Folded {
  if (tree.kind === 'literal') return tree;
  if (tree.kind === 'attribute') {
    if (!known.has(tree.name)) return tree;
    const value = known.get(tree.name);
    return value === undefined ? 'absent' : constant(value, tree.at);
  }
  const args = tree.args.map((arg) => fold(arg, known));
  const [first, second] = args;
  switch (tree.name) {
    case 'AND':
      return foldLogic(tree, args, true);
    case 'OR':
      return foldLogic(tree, args, false);
    case 'DEFAULT':
      if (first === 'absent') return second ?? 'absent';
      if (first === undefined || second === undefined || first.kind === 'literal') return first ?? 'absent';
      return second === 'absent' ? first : call('DEFAULT', [first, second], tree.at);
    case 'conditional':
      return foldConditional(tree, args);
    default:
      return foldStrict(tree, args);
  }
}

type Call = Extract<Tree, { kind: 'call' }>;

/** Types are checked already: what counts below is the value. */
function constant(value: AttributeValue, at: number): Tree {
  const type =
    typeof value === 'string'
      ? 'STRING'
      : typeof value === 'boolean'
        ? 'BOOL'
        : typeof value === 'number'
          ? 'INT64'
          : 'STRING_MAP';
  return literal(type, value, at);
}

/** && (`neutral` true) and ||: the right side counts only when the left is `neutral`. */
function foldLogic(tree: Call, [left, right]: readonly Folded[], neutral: boolean): Folded {
  if (left === undefined || right === undefined || left === 'absent') return 'absent';
  if (left.kind === 'literal') return left.value === neutral ? right : left;
  if (right === 'absent') {
    // Decided by the left side, or without a value: kept as it is, with a right side that never has one.
    return call(tree.name, [left, call('INDEX', [literal('STRING_MAP', {}), literal('STRING', '')])], tree.at);
  }
  return call(tree.name, [left, right], tree.at);
}

function foldConditional(tree: Call, [condition, yes, no]: readonly Folded[]): Folded {
  if (condition === undefined || condition === 'absent' || yes === undefined || no === undefined) return 'absent';
  if (condition.kind === 'literal') return condition.value === true ? yes : no;
  const never = call('INDEX', [literal('STRING_MAP', {}), literal('STRING', '')]);
  return call(tree.name, [condition, yes === 'absent' ? never : yes, no === 'absent' ? never : no], tree.at);
}

function foldStrict(tree: Call, args: readonly Folded[]): Folded {
  const trees: Tree[] = [];
  for (const arg of args) {
    if (arg === 'absent') return 'absent';
    trees.push(arg);
  }
  const values = trees.flatMap((arg) => (arg.kind === 'literal' ? [arg.value] : []));
  if (values.length !== trees.length) return call(tree.name, trees, tree.at);
  const value = tree.name === 'matches' ? matchesOf(values) : functions.get(tree.name)?.apply(...values);
  return value === undefined ? 'absent' : constant(value, tree.at);
}

function matchesOf([pattern, value]: readonly AttributeValue[]): boolean | undefined {
  const matches = compilePattern(textOf(pattern ?? ''));
  return typeof matches === 'string' ? undefined : matches(textOf(value ?? ''));
}
