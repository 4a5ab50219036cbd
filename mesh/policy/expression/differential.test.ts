// Mixer's expressions against a second CEL: random expressions on random attributes, absent ones included, evaluated here and, put into CEL, by @bufbuild/cel.
import { type CelValue, celEnv, parse, plan } from '@bufbuild/cel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AttributeValue, attributesOf } from '../attributes.ts';
import { compileExpression } from './expression.ts';

/** Each expression on this many bags: the expressions are what costs. */
const bagsEach = 4;
const expressions = 2_500;
const pairs = expressions * bagsEach;

/** An expression in Mixer's language, and the CEL that means the same: its value, and when it has one. */
interface Both {
  readonly mixer: string;
  readonly cel: string;
  /** CEL: whether there is a value. */
  readonly present: string;
}

const names = {
  text: ['request.path', 'request.method', 'request.host'],
  int: ['request.size', 'response.code'],
  bool: ['connection.mtls', 'check.cache_hit'],
} as const;
const variable = (name: string) => name.replaceAll('.', '_');
const attribute = (name: string): Both => ({
  mixer: name,
  cel: `bag.${variable(name)}`,
  present: `has(bag.${variable(name)})`,
});
const header = (key: string): Both => ({
  mixer: `request.headers["${key}"]`,
  cel: `bag.headers[${JSON.stringify(key)}]`,
  present: `(has(bag.headers) && ${JSON.stringify(key)} in bag.headers)`,
});
const literal = (value: string | number | boolean): Both => ({
  mixer: JSON.stringify(value),
  cel: JSON.stringify(value),
  present: 'true',
});

const call = (mixer: string, cel: string, ...args: readonly Both[]): Both => ({
  mixer,
  cel,
  present: args.map(({ present }) => present).join(' && ') || 'true',
});
/** The left's value, else the right's. */
const otherwise = (a: Both, b: Both): Both => ({
  mixer: `(${a.mixer} | ${b.mixer})`,
  cel: `((${a.present}) ? (${a.cel}) : (${b.cel}))`,
  present: `((${a.present}) || (${b.present}))`,
});
/** `&&` and `||` look at their right side only where the left does not decide. */
const and = (a: Both, b: Both): Both => ({
  mixer: `(${a.mixer} && ${b.mixer})`,
  cel: `((${a.cel}) ? (${b.cel}) : false)`,
  present: `((${a.present}) && ((${a.cel}) ? (${b.present}) : true))`,
});
const or = (a: Both, b: Both): Both => ({
  mixer: `(${a.mixer} || ${b.mixer})`,
  cel: `((${a.cel}) ? true : (${b.cel}))`,
  present: `((${a.present}) && ((${a.cel}) ? true : (${b.present})))`,
});

const words = ['a', 'ab', 'b', '/a', '/a/b', 'GET', '', 'é😀'];
const { text, int, bool } = fc.letrec<{ text: Both; int: Both; bool: Both }>((tie) => {
  const [t, i, b] = [tie('text'), tie('int'), tie('bool')];
  const two = fc.tuple(t, t);
  return {
    text: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(...words).map(literal),
      fc.constantFrom(...names.text).map(attribute),
      fc.constantFrom('x', 'y').map(header),
      two.map(([one, other]) => otherwise(one, other)),
      two.map(([one, other]) => call(`(${one.mixer} + ${other.mixer})`, `(${one.cel} + ${other.cel})`, one, other)),
      fc.tuple(b, t, t).map(([test, yes, no]) => ({
        mixer: `conditional(${test.mixer}, ${yes.mixer}, ${no.mixer})`,
        cel: `((${test.cel}) ? (${yes.cel}) : (${no.cel}))`,
        present: `((${test.present}) && ((${test.cel}) ? (${yes.present}) : (${no.present})))`,
      })),
    ),
    int: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom(0, 1, 200, 404).map(literal),
      fc.constantFrom(...names.int).map(attribute),
      fc.tuple(i, i).map(([one, other]) => otherwise(one, other)),
    ),
    bool: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.boolean().map(literal),
      fc.constantFrom(...names.bool).map(attribute),
      fc
        .tuple(two, fc.constantFrom('==', '!='))
        .map(([[one, other], op]) =>
          call(`(${one.mixer} ${op} ${other.mixer})`, `(${one.cel} ${op} ${other.cel})`, one, other),
        ),
      fc
        .tuple(fc.tuple(i, i), fc.constantFrom('==', '!=', '<', '<=', '>', '>='))
        .map(([[one, other], op]) =>
          call(`(${one.mixer} ${op} ${other.mixer})`, `(${one.cel} ${op} ${other.cel})`, one, other),
        ),
      fc
        .tuple(t, fc.constantFrom('startsWith', 'endsWith'), fc.constantFrom(...words).map(literal))
        .map(([one, method, other]) =>
          call(`(${one.mixer}).${method}(${other.mixer})`, `(${one.cel}).${method}(${other.cel})`, one),
        ),
      fc
        .tuple(fc.constantFrom('^/a', 'a+b?$', '[ab]+', 'a|b', '^$'), t)
        .map(([pattern, one]) => call(`"${pattern}".matches(${one.mixer})`, `(${one.cel}).matches("${pattern}")`, one)),
      b.map((one) => call(`!(${one.mixer})`, `!(${one.cel})`, one)),
      fc.tuple(b, b).map(([one, other]) => and(one, other)),
      fc.tuple(b, b).map(([one, other]) => or(one, other)),
      fc.tuple(b, b).map(([one, other]) => otherwise(one, other)),
    ),
  };
});

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 2 });
const word = fc.constantFrom(...words);
const bag = fc.record({
  ...Object.fromEntries(names.text.map((name) => [name, maybe(word)])),
  ...Object.fromEntries(names.int.map((name) => [name, maybe(fc.constantFrom(0, 1, 200, 404))])),
  ...Object.fromEntries(names.bool.map((name) => [name, maybe(fc.boolean())])),
  'request.headers': maybe(fc.record({ x: word, y: word }, { requiredKeys: [] })),
}) as fc.Arbitrary<Readonly<Record<string, AttributeValue | undefined>>>;

const env = celEnv();

type Bag = Readonly<Record<string, AttributeValue | undefined>>;

/** Evaluates in CEL; undefined where there is no value. */
function celOf({ cel, present }: Both): (values: Bag) => unknown {
  const evaluate = plan(env, parse(`(${present}) ? [${cel}] : []`));
  return (values) => {
    const known = Object.entries(values).flatMap(([name, value]) => {
      if (value === undefined) return [];
      if (name === 'request.headers') return [['headers', { ...(value as object) }] as const];
      return [[variable(name), typeof value === 'number' ? BigInt(value) : value] as const];
    });
    const result = evaluate({ bag: Object.fromEntries(known) });
    if (result instanceof Error) throw result;
    const [item] = [...(result as Iterable<CelValue>)];
    return typeof item === 'bigint' ? Number(item) : item;
  };
}

describe('expressions and a second CEL', () => {
  it(`agree on ${pairs} random expressions and attributes`, () => {
    const differences: string[] = [];
    let absent = 0;
    fc.assert(
      fc.property(
        fc.oneof(text, int, bool),
        fc.array(bag, { minLength: bagsEach, maxLength: bagsEach }),
        (both, bags) => {
          const compiled = compileExpression(both.mixer);
          if (!compiled.ok) throw new Error(`${both.mixer}: ${compiled.problem.message}`);
          const second = celOf(both);
          for (const values of bags) {
            const given = Object.entries(values).filter(([, value]) => value !== undefined);
            const ours = compiled.expression.evaluate(attributesOf(Object.fromEntries(given) as never));
            const theirs = second(values);
            if (ours === undefined) absent++;
            if (ours !== theirs)
              differences.push(
                `${both.mixer} on ${JSON.stringify(values)}, ours and theirs: ${JSON.stringify([ours, theirs])}`,
              );
          }
        },
      ),
      { numRuns: expressions },
    );
    expect(differences.sort((a, b) => a.length - b.length).slice(0, 3)).toEqual([]);
    // Neither is trivial.
    expect(absent).toBeGreaterThan(pairs / 10);
    expect(absent).toBeLessThan((pairs * 9) / 10);
  }, 120_000);
});
