// Places what is wrong with an expression: the field's line and column, and the character within it.
import type { ValueType } from '../../policy/attributes.ts';
import { compileExpression, type Expression } from '../../policy/expression/expression.ts';
import type { Place } from './place.ts';

/** Reports an expression that does not compile or is of another type; gives the one that does. */
export function checkExpression(text: string | undefined, place: Place, ...types: ValueType[]): Expression | undefined {
  if (text === undefined) return undefined;
  const compiled = compileExpression(text);
  if (!compiled.ok) {
    place.error(`${compiled.problem.message} (character ${compiled.problem.at + 1})`);
    return undefined;
  }
  const { expression } = compiled;
  if (types.length === 0 || types.includes(expression.type)) return expression;
  place.error(`expected an expression of type ${types.join(' or ')}, found ${expression.type}`);
  return undefined;
}
