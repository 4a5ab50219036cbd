// Which fields differ between two JSON values, by path.

/** One field that differs; `before` or `after` is absent when the field was added or removed. */
export interface FieldChange {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Differences in path order; lists are compared by index. */
export function fieldChanges(before: unknown, after: unknown, path = ''): readonly FieldChange[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      changeAt(`${path}[${index}]`, slot(before, index), slot(after, index)),
    );
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) =>
      changeAt(path === '' ? key : `${path}.${key}`, slotOf(before, key), slotOf(after, key)),
    );
  }
  return [{ path, before, after }];
}

type Slot = { readonly value: unknown } | undefined;
const slot = (list: readonly unknown[], index: number): Slot =>
  index < list.length ? { value: list[index] } : undefined;
const slotOf = (map: Readonly<Record<string, unknown>>, key: string): Slot =>
  Object.hasOwn(map, key) ? { value: map[key] } : undefined;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function changeAt(path: string, before: Slot, after: Slot): readonly FieldChange[] {
  if (before === undefined) return after === undefined ? [] : [{ path, after: after.value }];
  if (after === undefined) return [{ path, before: before.value }];
  return fieldChanges(before.value, after.value, path);
}

/** `spec.http[0].timeout: 1s → 2s`, `+ path: value`, `- path: value`; long values are cut. */
export function formatFieldChange(change: FieldChange): string {
  if (!('before' in change)) return `+ ${change.path}: ${brief(change.after)}`;
  if (!('after' in change)) return `- ${change.path}: ${brief(change.before)}`;
  return `${change.path}: ${brief(change.before)} → ${brief(change.after)}`;
}

const briefLength = 100;

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= briefLength ? text : `${text.slice(0, briefLength - 1)}…`;
}
