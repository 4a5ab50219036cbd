// Canonical JSON: one text for one value, so that hashes and ids agree wherever they are computed (RFC 8785's order and numbers).
import { MeshError } from '../lib/mesh-error.ts';

/**
 * `value` as JSON with the members of every object in UTF-16 order and no white space; members that are undefined are left out, and
 * `toJSON` (of a Date, say) is asked. Throws MeshError `invalid` for what JSON can't say: a non-finite number, bigint, function,
 * symbol, or a circle.
 */
export function canonicalJson(value: unknown): string {
  try {
    return write(value);
  } catch (error) {
    if (error instanceof RangeError) throw new MeshError('invalid', 'the value is nested too deep or in a circle');
    throw error;
  }
}

function write(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return writeNumber(value);
  if (Array.isArray(value)) return writeArray(value);
  if (typeof value === 'object') return writeObject(value as Record<string, unknown>);
  throw new MeshError('invalid', `a ${typeof value} can't be written as JSON`);
}

/** What JSON has to escape; nearly no text has any of it, and looking is quicker than a call of JSON.stringify. */
const special = /["\\\p{Cc}\p{Cs}]/u;

/** A text as a JSON string, as JSON.stringify writes it. */
export function quote(text: string): string {
  return special.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new MeshError('invalid', `the number ${value} can't be written as JSON`);
  return Object.is(value, -0) ? '0' : String(value);
}

function writeArray(items: readonly unknown[]): string {
  let text = '';
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    text += (i > 0 ? ',' : '') + (item === undefined ? 'null' : write(item));
  }
  return `[${text}]`;
}

function writeObject(object: Record<string, unknown>): string {
  if (typeof object.toJSON === 'function') return write(object.toJSON());
  const keys = Object.keys(object);
  if (!isSorted(keys)) keys.sort();
  let text = '';
  for (const key of keys) {
    const member = object[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${quote(key)}:${write(member)}`;
  }
  return `{${text}}`;
}

/** Most objects are made in order already; looking is quicker than sorting. */
function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return false;
  return true;
}
