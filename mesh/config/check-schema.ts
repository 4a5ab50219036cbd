// Checks a JSON value against a schema of schemas/schema.ts, reporting every fault, and gives it back normalised.
import type { Path, Report } from './problem.ts';
import { durationMs } from './quantities.ts';
import type { NumberSchema, ObjectSchema, Schema, TextSchema } from './schemas/schema.ts';
import { didYouMean } from './suggest-name.ts';

/** How to check. */
export interface CheckOptions {
  readonly report: Report;
  /** Never quote values in messages: they may be secrets. */
  readonly redact?: boolean;
}

/**
 * Reports each fault of `value` and returns a copy without null fields (null means unset in protobuf JSON) and with current field
 * names. The copy is meaningful only when nothing was reported.
 */
export function checkSchema(schema: Schema, value: unknown, path: Path, options: CheckOptions): unknown {
  const wrong = (expected: string) => {
    options.report(path, `expected ${expected}, found ${describe(value, options.redact === true)}`);
    return undefined;
  };
  switch (schema.form) {
    case 'text':
      return typeof value === 'string' ? checkText(schema, value, wrong) : wrong(expectedText(schema, value));
    case 'number': {
      const number = numberOf(value);
      return isWithin(schema, number) ? number : wrong(expectedNumber(schema, number));
    }
    case 'flag':
      return typeof value === 'boolean' ? value : wrong('true or false');
    case 'enum':
      if (typeof value !== 'string') return wrong(`one of ${schema.values.join(', ')}`);
      if (schema.values.includes(value)) return value;
      return wrong(`one of ${schema.values.join(', ')}`);
    case 'number-or-text':
      return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))
        ? value
        : wrong('a whole number or a name');
    case 'struct':
      return isRecord(value) ? value : wrong('an object');
    case 'anything':
      return value;
    case 'list':
      if (!Array.isArray(value)) return wrong('a list');
      return value.map((item, index) => checkSchema(schema.item, item, [...path, index], options));
    case 'map':
      return isRecord(value) ? checkEntries(value, path, options, () => schema.value) : wrong('an object');
    case 'object':
      return isRecord(value) ? checkObject(schema, value, path, options) : wrong('an object');
    default:
      return schema satisfies never;
  }
}

/** protobuf's JSON takes numbers in quotes too. */
function numberOf(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(value) ? Number(value) : value;
}

function isWithin(schema: NumberSchema, value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return value >= schema.min && value <= schema.max && (!schema.integer || Number.isInteger(value));
}

function expectedNumber(schema: NumberSchema, value: unknown): string {
  const kind = schema.integer ? 'a whole number' : 'a number';
  const outside = typeof value === 'number' && Number.isFinite(value) && (value < schema.min || value > schema.max);
  return outside ? `${kind} from ${schema.min} to ${schema.max}` : kind;
}

/** Whether a value is an object in JSON's sense. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkText(schema: TextSchema, value: string, wrong: (expected: string) => undefined): string | undefined {
  switch (schema.format) {
    case undefined:
      return value;
    case 'base64':
      return /^[A-Za-z0-9+/_-]*={0,2}$/.test(value.replaceAll(/\s/g, '')) ? value : wrong('base64');
    case 'duration':
    case 'duration-or-zero': {
      const ms = durationMs(value);
      if (ms === undefined) return wrong('a duration such as 5s, 100ms or 1h30m');
      if (!Number.isInteger(ms)) return wrong('a duration in whole milliseconds');
      if (ms < 0) return wrong('a duration that is not negative');
      return ms === 0 && schema.format === 'duration' ? wrong('a duration of at least 1ms') : value;
    }
    default:
      return schema.format satisfies never;
  }
}

function checkObject(
  schema: ObjectSchema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  options: CheckOptions,
): Record<string, unknown> {
  const known = Object.keys(schema.fields);
  const renamed: (readonly [string, string])[] = [];
  const checked = checkEntries(value, path, options, (name) => {
    const current = currentName(schema, name);
    if (current !== name && current !== undefined) renamed.push([name, current]);
    if (current !== undefined) return schema.fields[current];
    if (!schema.open) options.report([...path, name], `unknown field${didYouMean(name, known)}`, { key: true });
    return undefined;
  });
  for (const [other, name] of renamed) {
    if (checked[other] === undefined) continue;
    if (checked[name] !== undefined)
      options.report([...path, other], `is another spelling of ${name}, which is also set`);
    checked[name] = checked[other];
    delete checked[other];
  }
  for (const name of schema.required)
    if (checked[name] === undefined && !isGiven(value, name, renamed)) options.report([...path, name], 'is required');
  return checked;
}

/** Whether a field was given, if only with a fault. */
function isGiven(
  value: Readonly<Record<string, unknown>>,
  name: string,
  renamed: readonly (readonly [string, string])[],
): boolean {
  const spellings = [name, ...renamed.flatMap(([other, current]) => (current === name ? [other] : []))];
  return spellings.some((spelling) => value[spelling] !== undefined && value[spelling] !== null);
}

/** The field that a name means: itself, an older spelling, or protobuf's own name in snake_case, which its JSON also takes. */
function currentName({ fields, aliases, open }: ObjectSchema, name: string): string | undefined {
  if (Object.hasOwn(fields, name)) return name;
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  if (alias !== undefined || open || !name.includes('_')) return alias;
  const camel = name.replaceAll(/_+([a-z0-9])/g, (_, first: string) => first.toUpperCase());
  return Object.hasOwn(fields, camel) ? camel : undefined;
}

function checkEntries(
  value: Readonly<Record<string, unknown>>,
  path: Path,
  options: CheckOptions,
  schemaOf: (name: string) => Schema | undefined,
): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__') {
      options.report([...path, name], 'is not a usable name', { key: true });
      continue;
    }
    const schema = schemaOf(name);
    if (item === null || item === undefined) continue;
    checked[name] = schema === undefined ? item : checkSchema(schema, item, [...path, name], options);
  }
  return checked;
}

function expectedText(schema: TextSchema, value: unknown): string {
  if (schema.format?.startsWith('duration')) return 'a duration such as 5s, 100ms or 1h30m';
  return typeof value === 'number' || typeof value === 'boolean' ? 'text (put it in quotes)' : 'text';
}

function describe(value: unknown, redact: boolean): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (redact) return `a ${typeof value === 'string' ? 'text' : typeof value}`;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return JSON.stringify(value) ?? typeof value;
}
