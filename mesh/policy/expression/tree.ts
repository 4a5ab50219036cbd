// The syntax tree of Mixer's expression language (istio.io/v1.4/docs/reference/config/policy-and-telemetry/expression-language).
import type { AttributeValue, ValueType } from '../attributes.ts';

/** Operators, under the names that Mixer gave them. `DEFAULT` is `|`. */
export type Operator = 'OR' | 'AND' | 'EQ' | 'NEQ' | 'LT' | 'LEQ' | 'GT' | 'GEQ' | 'ADD' | 'DEFAULT' | 'NOT' | 'INDEX';

/** One node. `at`: offset of its first character, for problems. */
export type Tree =
  | { readonly kind: 'literal'; readonly type: ValueType; readonly value: AttributeValue; readonly at: number }
  | { readonly kind: 'attribute'; readonly name: string; readonly at: number }
  /** An operator, a function, or a method, whose first argument is then what it is called on. */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Tree[]; readonly at: number };

/** What is wrong with an expression. */
export interface ExpressionProblem {
  /** Offset in the text, from 0. */
  readonly at: number;
  readonly message: string;
}

/** Thrown within this folder alone: what leaves it are problems. */
export class ExpressionError extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** A literal. */
export function literal(type: ValueType, value: AttributeValue, at = 0): Tree {
  return { kind: 'literal', type, value, at };
}

/** A call. */
export function call(name: string, args: readonly Tree[], at = 0): Tree {
  return { kind: 'call', name, args, at };
}

/** Every node below and including `tree`, parents first. */
export function* nodesOf(tree: Tree): Generator<Tree> {
  yield tree;
  if (tree.kind === 'call') for (const arg of tree.args) yield* nodesOf(arg);
}
