// Values of instances as back ends want them: texts, numbers, plain JSON. Pure.
import type { FieldValue, Instance } from './handler.ts';

/** A value as text; maps as JSON. */
export function textOf(value: FieldValue | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A number, or undefined for what is none. */
export function numberOf(value: FieldValue | undefined): number | undefined {
  const number =
    typeof value === 'boolean' ? Number(value) : typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A MAP field, empty when absent. */
export function mapOf(value: FieldValue | undefined): Readonly<Record<string, FieldValue>> {
  return typeof value === 'object' ? value : {};
}

/** A TIMESTAMP field in ms since 1970, else `fallbackMs`. */
export function timeMsOf(value: FieldValue | undefined, fallbackMs: number): number {
  return typeof value === 'number' ? value : fallbackMs;
}

/** Whether `name` (`NAME.NAMESPACE`) is what a handler's parameters call `wanted`; old files write `NAME.KIND.NAMESPACE`. */
export function isNamed({ name }: Instance, wanted: string): boolean {
  if (name === wanted || name.startsWith(`${wanted}.`)) return true;
  const parts = wanted.split('.');
  return parts.length >= 3 && name === [parts[0], ...parts.slice(2)].join('.');
}
