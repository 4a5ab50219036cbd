// What can be called in an expression: signatures for the checker, and what each does with values that are there.
import type { AttributeValue, ValueType } from '../attributes.ts';
import { dnsNameOf, durationOf, emailOf, ipOf, timestampOf, uriOf } from './values.ts';

/** `T`: any one type, the same wherever it stands in the signature. */
export type ParameterType = ValueType | 'T';

/** A function, method or strict operator: absent arguments make it absent. */
export interface FunctionSpec {
  readonly parameters: readonly ParameterType[];
  readonly result: ParameterType;
  /** What `T` may be; any type where it says nothing. */
  readonly allowed?: readonly ValueType[];
  /** Undefined: there is no value, as if an attribute were absent. */
  readonly apply: (...args: readonly AttributeValue[]) => AttributeValue | undefined;
}

const ordered: readonly ValueType[] = ['INT64', 'DOUBLE', 'STRING', 'TIMESTAMP', 'DURATION'];
const text = (value: AttributeValue | undefined): string => (typeof value === 'string' ? value : '');

const comparison = (holds: (order: number) => boolean): FunctionSpec => ({
  parameters: ['T', 'T'],
  result: 'BOOL',
  allowed: ordered,
  apply: (a = 0, b = 0) => holds(a < b ? -1 : a > b ? 1 : 0),
});
const conversion = (result: ValueType, read: (value: string) => AttributeValue | undefined): FunctionSpec => ({
  parameters: ['STRING'],
  result,
  apply: (value) => read(text(value)),
});
const onText = (result: ValueType, apply: (a: string, b: string) => AttributeValue): FunctionSpec => ({
  parameters: ['STRING', 'STRING'],
  result,
  apply: (a, b) => apply(text(a), text(b)),
});

function isSame(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return left.length === right.length && left.every(([key, value]) => Object.hasOwn(b, key) && b[key] === value);
}

/** Mixer's glob: `*` at the end matches a prefix, else at the start a suffix, else the text itself. */
export function matchesGlob(value: string, pattern: string): boolean {
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return pattern.startsWith('*') ? value.endsWith(pattern.slice(1)) : value === pattern;
}

/** By name. AND, OR, DEFAULT and `conditional` are not strict and not here; `matches` needs its pattern compiled. */
export const functions: ReadonlyMap<string, FunctionSpec> = new Map<string, FunctionSpec>([
  ['EQ', { parameters: ['T', 'T'], result: 'BOOL', apply: (a, b) => isSame(a, b) }],
  ['NEQ', { parameters: ['T', 'T'], result: 'BOOL', apply: (a, b) => !isSame(a, b) }],
  ['LT', comparison((order) => order < 0)],
  ['LEQ', comparison((order) => order <= 0)],
  ['GT', comparison((order) => order > 0)],
  ['GEQ', comparison((order) => order >= 0)],
  [
    'ADD',
    {
      parameters: ['T', 'T'],
      result: 'T',
      allowed: ['STRING', 'INT64', 'DOUBLE'],
      apply: (a, b) => (typeof a === 'number' && typeof b === 'number' ? a + b : text(a) + text(b)),
    },
  ],
  ['NOT', { parameters: ['BOOL'], result: 'BOOL', apply: (value) => value !== true }],
  [
    'INDEX',
    {
      parameters: ['STRING_MAP', 'STRING'],
      result: 'STRING',
      apply: (map, key) => (typeof map === 'object' && Object.hasOwn(map, text(key)) ? map[text(key)] : undefined),
    },
  ],
  ['match', onText('BOOL', matchesGlob)],
  ['startsWith', onText('BOOL', (value, prefix) => value.startsWith(prefix))],
  ['endsWith', onText('BOOL', (value, suffix) => value.endsWith(suffix))],
  ['ip', conversion('IP_ADDRESS', ipOf)],
  ['timestamp', conversion('TIMESTAMP', timestampOf)],
  ['duration', conversion('DURATION', durationOf)],
  ['dnsName', conversion('DNS_NAME', dnsNameOf)],
  ['email', conversion('EMAIL_ADDRESS', emailOf)],
  ['uri', conversion('URI', uriOf)],
  ['toLower', conversion('STRING', (value) => value.toLowerCase())],
  ['reverse', conversion('STRING', (value) => Array.from(value).reverse().join(''))],
  [
    'size',
    {
      parameters: ['T'],
      result: 'INT64',
      allowed: ['STRING', 'STRING_MAP'],
      apply: (value) => (typeof value === 'object' ? Object.keys(value).length : Array.from(text(value)).length),
    },
  ],
  ['emptyStringMap', { parameters: [], result: 'STRING_MAP', apply: () => ({}) }],
]);

/** Names of everything that can be called, for suggestions. */
export const functionNames: readonly string[] = [
  ...[...functions.keys()].filter((name) => name !== name.toUpperCase()),
  'conditional',
  'conditionalString',
  'matches',
];
