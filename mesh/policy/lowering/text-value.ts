// Expressions as CEL texts for Envoy: the text that Mixer's evaluation gives, and when it gives one.
import { textOf } from '../attributes.ts';
import type { Tree } from '../expression/tree.ts';
import { type Cel, celCall, celConst, celNot, celOr, isConst } from './cel.ts';
import { conditionOf, operandOf } from './condition.ts';
import { type CelValue, NotLowerable } from './envoy-attributes.ts';

/** The value of a tree as text. Throws NotLowerable. */
export function textInCel(tree: Tree): CelValue {
  if (tree.kind === 'literal') return { present: celConst(true), value: celConst(textOf(tree.value)) };
  const [a, b, c] = tree.kind === 'call' ? tree.args : [];
  if (tree.kind === 'call' && tree.name === 'DEFAULT' && a && b) {
    const [first, second] = [textInCel(a), textInCel(b)];
    return { present: celOr(first.present, second.present), value: celIf(first.present, first.value, second.value) };
  }
  if (tree.kind === 'call' && tree.name === 'conditional' && a && b && c) {
    const [yes, no] = [textInCel(b), textInCel(c)];
    if (!isConst(yes.present, true) || !isConst(no.present, true))
      throw new NotLowerable('conditional of values that may be absent is left to Mixer');
    return {
      present: celOr(conditionOf(a, true), conditionOf(a, false)),
      value: celIf(conditionOf(a, true), yes.value, no.value),
    };
  }
  return operandOf(tree);
}

/** `condition ? value : error`: Envoy leaves out what has no value. */
export function celWhere(condition: Cel, value: Cel): Cel {
  return isConst(condition, true) ? value : celIf(condition, value, celCall('_/_', [celConst(1), celConst(0)]));
}

function celIf(condition: Cel, yes: Cel, no: Cel): Cel {
  if (isConst(condition, true)) return yes;
  return isConst(celNot(condition), true) ? no : celCall('_?_:_', [condition, yes, no]);
}
