// Orders that the mesh's lists are kept in: by code unit, never by locale.

/** Orders strings by UTF-16 code units. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Orders RFC 3339 times, absent ones first (Istio treats an unset creation time as the oldest). */
export function compareTimes(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (!a || !b) return a ? 1 : -1;
  if (a.length === b.length && a.endsWith('Z') && b.endsWith('Z')) return compareStrings(a, b);
  return Date.parse(a) - Date.parse(b) || 0;
}

/** Index of the first element of sorted `list` that does not come before `wanted`. */
export function lowerBound<T>(list: readonly T[], wanted: T, compare: (a: T, b: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(list[middle] as T, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether two lists hold the identical elements in the same order. */
export function sameElements<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
