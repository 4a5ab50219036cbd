// Expressions, ready to be evaluated: parsed, type-checked and compiled once, when they are applied.
import { type Attributes, type AttributeValue, vocabulary as standard, type ValueType } from '../attributes.ts';
import { checkTypes, type Vocabulary } from './check.ts';
import { compileTree } from './compile.ts';
import { parseExpression } from './parse.ts';
import { ExpressionError, type ExpressionProblem, type Tree } from './tree.ts';

/** A compiled expression. */
export interface Expression {
  readonly text: string;
  readonly type: ValueType;
  readonly tree: Tree;
  /** The value; undefined when it depends on an attribute (or a key of a map) that is absent. Never throws. */
  readonly evaluate: (attributes: Attributes) => AttributeValue | undefined;
}

/** An expression, or what is wrong with it. */
export type Compiled =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly problem: ExpressionProblem };

/** Compiles `text`; with `type`, expressions of other types are refused. */
export function compileExpression(
  text: string,
  options: { readonly vocabulary?: Vocabulary; readonly type?: ValueType } = {},
): Compiled {
  try {
    const { tree, type } = checkTypes(parseExpression(text), options.vocabulary ?? standard);
    if (options.type !== undefined && type !== options.type)
      throw new ExpressionError(tree.at, `expected an expression of type ${options.type}, found ${type}`);
    return { ok: true, expression: { text, type, tree, evaluate: compileTree(tree) } };
  } catch (error) {
    if (error instanceof ExpressionError) return { ok: false, problem: { at: error.at, message: error.message } };
    throw error;
  }
}
