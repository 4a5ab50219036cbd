// Trees into functions: an absent attribute makes absent what is computed from it, until `|` gives another value.
import { type Attributes, type AttributeValue, textOf } from '../attributes.ts';
import { functions } from './functions.ts';
import { compilePattern } from './patterns.ts';
import { ExpressionError, type Tree } from './tree.ts';

/** Gives the value; undefined: absent. */
export type Evaluate = (attributes: Attributes) => AttributeValue | undefined;

/** The function of a checked tree. */
export function compileTree(tree: Tree): Evaluate {
  switch (tree.kind) {
    case 'literal': {
      const { value } = tree;
      return () => value;
    }
    case 'attribute': {
      const { name } = tree;
      return (attributes) => attributes.get(name);
    }
    case 'call':
      return compileCall(tree.name, tree.args, tree.at);
    default:
      return tree satisfies never;
  }
}

function compileCall(name: string, args: readonly Tree[], at: number): Evaluate {
  const [first, second, third] = args.map(compileTree) as [Evaluate, Evaluate, Evaluate];
  switch (name) {
    // As in Mixer: what is on the right of a decided && or || is not looked at, so it may be absent.
    case 'AND':
      return (attributes) => {
        const left = first(attributes);
        return left === true ? second(attributes) : left;
      };
    case 'OR':
      return (attributes) => {
        const left = first(attributes);
        return left === false ? second(attributes) : left;
      };
    case 'DEFAULT':
      return (attributes) => first(attributes) ?? second(attributes);
    case 'conditional':
      return (attributes) => {
        const condition = first(attributes);
        return condition === undefined ? undefined : condition === true ? second(attributes) : third(attributes);
      };
    case 'matches':
      return compileMatches(args, second, at);
    case 'INDEX':
      return compileIndex(args, first, second);
    default:
      return compileStrict(name, [first, second], args.length);
  }
}

function compileMatches([pattern]: readonly Tree[], value: Evaluate, at: number): Evaluate {
  const matches = compilePattern(pattern?.kind === 'literal' ? textOf(pattern.value) : '');
  if (typeof matches === 'string') throw new ExpressionError(at, matches);
  return (attributes) => {
    const text = value(attributes);
    return typeof text === 'string' ? matches(text) : undefined;
  };
}

/** A key of an attribute that is a map is asked for by itself: nobody needs the other headers. */
function compileIndex([map, key]: readonly Tree[], mapValue: Evaluate, keyValue: Evaluate): Evaluate {
  if (map?.kind === 'attribute' && key?.kind === 'literal') {
    const { name } = map;
    const wanted = textOf(key.value);
    return (attributes) => attributes.entry(name, wanted);
  }
  return (attributes) => {
    const [values, name] = [mapValue(attributes), keyValue(attributes)];
    if (typeof values !== 'object' || typeof name !== 'string' || !Object.hasOwn(values, name)) return undefined;
    return values[name];
  };
}

function compileStrict(name: string, [first, second]: readonly [Evaluate, Evaluate], count: number): Evaluate {
  const apply = functions.get(name)?.apply;
  if (apply === undefined) throw new ExpressionError(0, `unknown function ${name}`);
  if (count === 0) return () => apply();
  if (count === 1)
    return (attributes) => {
      const value = first(attributes);
      return value === undefined ? undefined : apply(value);
    };
  return (attributes) => {
    const a = first(attributes);
    const b = a === undefined ? undefined : second(attributes);
    return a === undefined || b === undefined ? undefined : apply(a, b);
  };
}
