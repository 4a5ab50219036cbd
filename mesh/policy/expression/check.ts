// Type-checks an expression against a vocabulary, and settles what is constant: everything wrong is said when it is applied.
import { didYouMean } from '../../config/suggest-name.ts';
import { textOf, type ValueType } from '../attributes.ts';
import { type FunctionSpec, functionNames, functions } from './functions.ts';
import { compilePattern } from './patterns.ts';
import { call, ExpressionError, literal, type Tree } from './tree.ts';
import { durationOf } from './values.ts';

/** Types of attributes. */
export type Vocabulary = ReadonlyMap<string, ValueType>;

/** A checked tree: conversions of literals are done, `matches` has its pattern first. */
export interface Typed {
  readonly tree: Tree;
  readonly type: ValueType;
}

/** The type of `tree`, which is as Mixer's checker would have it. Throws ExpressionError. */
export function checkTypes(tree: Tree, vocabulary: Vocabulary): Typed {
  switch (tree.kind) {
    case 'literal':
      return { tree, type: tree.type };
    case 'attribute': {
      const type = vocabulary.get(tree.name);
      if (type !== undefined) return { tree, type };
      const suggestion = didYouMean(tree.name, [...vocabulary.keys()]);
      throw new ExpressionError(tree.at, `unknown attribute ${JSON.stringify(tree.name)}${suggestion}`);
    }
    case 'call':
      return checkCall(tree, vocabulary);
    default:
      return tree satisfies never;
  }
}

type Call = Extract<Tree, { kind: 'call' }>;

function checkCall(tree: Call, vocabulary: Vocabulary): Typed {
  const args = tree.args.map((arg) => checkTypes(arg, vocabulary));
  const { name, at } = tree;
  switch (name) {
    case 'AND':
    case 'OR':
      return withSignature(tree, args, { parameters: ['BOOL', 'BOOL'], result: 'BOOL' });
    case 'DEFAULT':
      return withSignature(tree, args, { parameters: ['T', 'T'], result: 'T' });
    case 'conditionalString':
      // Mixer's name for it, which takes texts alone.
      return withSignature(call('conditional', tree.args, tree.at) as Call, args, {
        parameters: ['BOOL', 'STRING', 'STRING'],
        result: 'STRING',
      });
    case 'conditional':
      return withSignature(tree, args, { parameters: ['BOOL', 'T', 'T'], result: 'T' });
    case 'matches':
      return checkMatches(tree, args);
    default: {
      const spec = functions.get(name);
      if (spec === undefined)
        throw new ExpressionError(at, `unknown function ${JSON.stringify(name)}${didYouMean(name, functionNames)}`);
      return folded(withSignature(tree, args, spec), spec);
    }
  }
}

const words: Readonly<Record<string, string>> = {
  ...{ AND: '&&', OR: '||', EQ: '==', NEQ: '!=', LT: '<', LEQ: '<=', GT: '>', GEQ: '>=', ADD: '+' },
  ...{ DEFAULT: '|', NOT: '!', INDEX: '[ ]' },
};

function withSignature(
  tree: Call,
  args: readonly Typed[],
  { parameters, result, allowed }: Pick<FunctionSpec, 'parameters' | 'result' | 'allowed'>,
): Typed {
  const shown = words[tree.name] ?? tree.name;
  if (args.length !== parameters.length)
    throw new ExpressionError(tree.at, `${shown} takes ${parameters.length} arguments, found ${args.length}`);
  const generic = args.filter((_, i) => parameters[i] === 'T');
  // A literal takes the type of what it stands beside.
  const fraction = generic.find(({ type }) => type === 'DOUBLE')?.type;
  const bound = generic.find(({ tree: { kind } }) => kind !== 'literal')?.type ?? fraction ?? generic[0]?.type;
  const settled = args.map((arg, i) => {
    const wanted = parameters[i] === 'T' ? bound : parameters[i];
    const fitting = coerced(arg, wanted as ValueType | undefined);
    if (fitting !== undefined) return fitting;
    throw new ExpressionError(arg.tree.at, `${shown} expects ${wanted} here, found ${arg.type}`);
  });
  if (bound !== undefined && allowed !== undefined && !allowed.includes(bound))
    throw new ExpressionError(tree.at, `${shown} is for ${allowed.join(', ')}, found ${bound}`);
  const type = result === 'T' ? bound : result;
  return { tree: call(tree.name, settled, tree.at), type: type as ValueType };
}

/** A text that is a duration where one is wanted, as in Mixer; a whole number where a fraction may be. */
function coerced({ tree, type }: Typed, wanted: ValueType | undefined): Tree | undefined {
  if (type === wanted) return tree;
  if (tree.kind !== 'literal') return undefined;
  if (wanted === 'DOUBLE' && type === 'INT64') return literal('DOUBLE', tree.value, tree.at);
  if (wanted !== 'DURATION' || typeof tree.value !== 'string') return undefined;
  const ms = durationOf(tree.value);
  return ms === undefined ? undefined : literal('DURATION', ms, tree.at);
}

/** Mixer's order is PATTERN.matches(VALUE), CEL's the other; which is meant shows in which is a literal. */
function checkMatches(tree: Call, args: readonly Typed[]): Typed {
  const { tree: checked, type } = withSignature(tree, args, { parameters: ['STRING', 'STRING'], result: 'BOOL' });
  const [first, second] = checked.kind === 'call' ? checked.args : [];
  if (first === undefined || second === undefined) throw new ExpressionError(tree.at, 'matches takes 2 arguments');
  const [pattern, value] = first.kind === 'literal' ? [first, second] : [second, first];
  if (pattern.kind !== 'literal')
    throw new ExpressionError(tree.at, 'matches needs a literal pattern: "a.*".matches(request.path)');
  const fault = compilePattern(textOf(pattern.value));
  if (typeof fault === 'string') throw new ExpressionError(pattern.at, `is no regular expression of RE2: ${fault}`);
  return { tree: call('matches', [pattern, value], tree.at), type };
}

const conversions: readonly string[] = ['ip', 'timestamp', 'duration', 'dnsName', 'email', 'uri'];
/** Conversions of literals are done now, so that a wrong one is refused now. */
function folded(typed: Typed, spec: FunctionSpec): Typed {
  const { tree, type } = typed;
  if (tree.kind !== 'call' || !conversions.includes(tree.name)) return typed;
  const [arg] = tree.args;
  if (arg?.kind !== 'literal') return typed;
  const value = spec.apply(arg.value);
  if (value === undefined) throw new ExpressionError(arg.at, `${JSON.stringify(arg.value)} is no ${type}`);
  return { tree: literal(type, value, tree.at), type };
}
