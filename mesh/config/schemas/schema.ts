// The small schema language of resources: one definition gives a field its static type and its check (check-schema.ts).
//
// Why not a JSON Schema library: Istio's resources are protobuf JSON, where fields are optional unless marked, null means unset and
// bounds are those of the wire types. Saying that takes five forms; error texts are then ours, and importing costs nothing
// (typebox: 150 ms at every start of the CLI).

/** Carries the TypeScript type of a schema; no value ever has it. */
interface Typed<T> {
  readonly '~type'?: T;
}

/** Text, perhaps in a form that its consumer parses. */
export interface TextSchema extends Typed<string> {
  readonly form: 'text';
  /** `duration` is at least 1 ms, `duration-or-zero` is not negative; both in whole milliseconds (quantities.ts). */
  readonly format?: 'duration' | 'duration-or-zero' | 'base64';
}
/** A whole number (`integer`) or any number within bounds, both inclusive. */
export interface NumberSchema extends Typed<number> {
  readonly form: 'number';
  readonly integer: boolean;
  readonly min: number;
  readonly max: number;
}
/** `true` or `false`. */
export interface FlagSchema extends Typed<boolean> {
  readonly form: 'flag';
}
/** One of some names. */
export interface EnumSchema<Value extends string = string> extends Typed<Value> {
  readonly form: 'enum';
  readonly values: readonly Value[];
}
/** A number or a name, as a Kubernetes targetPort. */
export interface NumberOrTextSchema extends Typed<number | string> {
  readonly form: 'number-or-text';
}
/** Any JSON object, not looked into. */
export interface StructSchema extends Typed<Readonly<Record<string, unknown>>> {
  readonly form: 'struct';
}
/** Any JSON value, not looked into: a field that is known but not used. */
export interface AnythingSchema extends Typed<unknown> {
  readonly form: 'anything';
}
/** A list. */
export interface ListSchema<Item = unknown> extends Typed<readonly Item[]> {
  readonly form: 'list';
  readonly item: Schema;
}
/** An object with free keys. */
export interface MapSchema<Value = unknown> extends Typed<Readonly<Record<string, Value>>> {
  readonly form: 'map';
  readonly value: Schema;
}
/** An object with known fields; other fields are errors unless it is `open` (a Kubernetes object, of which we read some fields). */
export interface ObjectSchema<T = unknown> extends Typed<T> {
  readonly form: 'object';
  readonly fields: Readonly<Record<string, Schema>>;
  readonly required: ReadonlySet<string>;
  readonly open: boolean;
  /** Older spellings of fields, read as the field they name. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** Any schema. */
export type Schema =
  | TextSchema
  | NumberSchema
  | FlagSchema
  | EnumSchema
  | NumberOrTextSchema
  | StructSchema
  | AnythingSchema
  | ListSchema
  | MapSchema
  | ObjectSchema;

/** The TypeScript type of values that a schema accepts. */
export type Static<S> = S extends Typed<infer T> ? NonNullable<T> : never;

/** Marks a field that must be present. */
interface Required<S extends Schema> {
  readonly need: S;
}
type Field = Schema | Required<Schema>;
type ObjectType<F extends Readonly<Record<string, Field>>> = {
  readonly [K in keyof F as F[K] extends Required<Schema> ? K : never]: F[K] extends Required<infer S>
    ? Static<S>
    : never;
} & {
  readonly [K in keyof F as F[K] extends Required<Schema> ? never : K]?: Static<F[K]>;
};

/** Any text. */
export const text: TextSchema = { form: 'text' };
/** A duration of at least 1 ms (Istio's rule for most fields): `1.5s`, `10ms`, `1h2m`. */
export const duration: TextSchema = { form: 'text', format: 'duration' };
/** A duration that may be zero, which switches something off. */
export const durationOrZero: TextSchema = { form: 'text', format: 'duration-or-zero' };
/** Bytes in base64. */
export const base64: TextSchema = { form: 'text', format: 'base64' };
/** `true` or `false`. */
export const flag: FlagSchema = { form: 'flag' };
/** protobuf's int32. */
export const int32: NumberSchema = { form: 'number', integer: true, min: -(2 ** 31), max: 2 ** 31 - 1 };
/** protobuf's uint32. */
export const uint32: NumberSchema = { form: 'number', integer: true, min: 0, max: 2 ** 32 - 1 };
/** protobuf's uint64, as far as a JavaScript number is exact. */
export const uint64: NumberSchema = { form: 'number', integer: true, min: 0, max: Number.MAX_SAFE_INTEGER };
/** protobuf's double. */
export const double: NumberSchema = { form: 'number', integer: false, min: -Number.MAX_VALUE, max: Number.MAX_VALUE };
/** A number or a name. */
export const numberOrText: NumberOrTextSchema = { form: 'number-or-text' };
/** Any JSON object. */
export const struct: StructSchema = { form: 'struct' };

/** Any JSON value. */
export const anything: AnythingSchema = { form: 'anything' };

/** A required field of an `object`. */
export function required<S extends Schema>(schema: S): Required<S> {
  return { need: schema };
}

/** One of `values`. */
export function oneOfNames<const Value extends string>(...values: Value[]): EnumSchema<Value> {
  return { form: 'enum', values };
}

/** A list of `item`. */
export function list<S extends Schema>(item: S): ListSchema<Static<S>> {
  return { form: 'list', item };
}

/** An object whose keys are free. */
export function map<S extends Schema>(value: S): MapSchema<Static<S>> {
  return { form: 'map', value };
}

/** An object with exactly these fields (and their `aliases`). */
export function object<const F extends Readonly<Record<string, Field>>>(
  fields: F,
  aliases: Readonly<Record<string, string>> = {},
): ObjectSchema<ObjectType<F>> {
  return objectSchema(fields, { open: false, aliases });
}

/** An object of which only these fields are read; any others may be there. */
export function openObject<const F extends Readonly<Record<string, Field>>>(fields: F): ObjectSchema<ObjectType<F>> {
  return objectSchema(fields, { open: true, aliases: {} });
}

function objectSchema<T>(
  fields: Readonly<Record<string, Field>>,
  options: Pick<ObjectSchema, 'open' | 'aliases'>,
): ObjectSchema<T> {
  const plain: Record<string, Schema> = {};
  const names = new Set<string>();
  for (const [name, field] of Object.entries(fields)) {
    plain[name] = 'need' in field ? field.need : field;
    if ('need' in field) names.add(name);
  }
  return { form: 'object', fields: plain, required: names, ...options };
}
