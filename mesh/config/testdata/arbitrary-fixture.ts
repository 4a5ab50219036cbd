// For property tests: random values of a schema.
import fc from 'fast-check';
import { durationText } from '../quantities.ts';
import type { Schema } from '../schemas/schema.ts';

const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => value !== null && !JSON.stringify(value).includes('__proto__'));
const fieldName = fc.string().filter((name) => name !== '__proto__');

/** Random values that `schema` accepts; lists and maps are short. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.form) {
    case 'text':
      if (schema.format === 'base64') return fc.base64String({ maxLength: 12 });
      return schema.format === undefined ? fc.string() : fc.integer({ min: 1, max: 10_000_000 }).map(durationText);
    case 'number':
      return schema.integer
        ? fc.integer({ min: schema.min, max: schema.max })
        : fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
    case 'flag':
      return fc.boolean();
    case 'enum':
      return fc.constantFrom(...schema.values);
    case 'number-or-text':
      return fc.oneof(fc.nat(), fc.string());
    case 'struct':
      return fc.dictionary(fieldName, json, { maxKeys: 3 }).map((value) => ({ ...value }));
    case 'anything':
      return json;
    case 'list':
      return fc.array(arbitraryOf(schema.item), { maxLength: 2 });
    case 'map':
      return fc.dictionary(fieldName, arbitraryOf(schema.value), { maxKeys: 2 }).map((value) => ({ ...value }));
    case 'object': {
      const fields = Object.fromEntries(
        Object.entries(schema.fields).map(([name, field]) => [name, arbitraryOf(field)]),
      );
      return fc.record(fields, { requiredKeys: [...schema.required] }).map((value) => ({ ...value }));
    }
    default:
      return schema satisfies never;
  }
}
