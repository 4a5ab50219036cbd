// The last few values of one thing, so that the event behind any of them can be un-applied when it is quarantined.

/** A value as of `position`, newest first; `value` is undefined where the thing did not exist. */
export interface Versioned<T> {
  readonly position: number;
  readonly value: T | undefined;
  previous: Versioned<T> | undefined;
}

/** How many earlier values stay: two bad versions in a row still leave a good one, and memory stays near one value a thing. */
const keptPrevious = 2;
/** Removed things whose removal can still be un-applied: far more than arrive while a translation fails. */
const keptGraves = 4_096;

interface Grave {
  readonly leaves: Map<string, Versioned<unknown>>;
  readonly key: string;
}

/** Removed things in order of removal; older ones are forgotten for good. */
export interface Graves {
  readonly queue: Grave[];
  first: number;
}

/** No graves yet. */
export function noGraves(): Graves {
  return { queue: [], first: 0 };
}

/** Gives `leaves[key]` the value that the event at `position` says; undefined removes it. */
export function put<T>(
  leaves: Map<string, Versioned<T>>,
  key: string,
  position: number,
  value: T | undefined,
  graves: Graves,
): void {
  const node: Versioned<T> = { position, value, previous: leaves.get(key) };
  let last: Versioned<T> | undefined = node;
  for (let depth = 0; depth < keptPrevious && last; depth++) last = last.previous;
  if (last) last.previous = undefined;
  leaves.set(key, node);
  if (value === undefined) bury(graves, leaves, key);
}

function bury(
  graves: Graves,
  leaves: Map<string, Versioned<never>> | Map<string, Versioned<unknown>>,
  key: string,
): void {
  graves.queue.push({ leaves: leaves as Map<string, Versioned<unknown>>, key });
  while (graves.queue.length - graves.first > keptGraves) {
    const oldest = graves.queue[graves.first++];
    if (oldest && oldest.leaves.get(oldest.key)?.value === undefined) oldest.leaves.delete(oldest.key);
  }
  if (graves.first <= keptGraves) return;
  graves.queue.splice(0, graves.first);
  graves.first = 0;
}

/** Un-applies the event at `position` wherever it is among `leaves`; returns the key it was found under. */
export function unapply<T>(leaves: Map<string, Versioned<T>>, position: number): string | undefined {
  for (const [key, newest] of leaves) {
    if (newest.position === position) {
      if (newest.previous) leaves.set(key, newest.previous);
      else leaves.delete(key);
      return key;
    }
    for (let node = newest; node.previous; node = node.previous) {
      if (node.previous.position !== position) continue;
      node.previous = node.previous.previous;
      return key;
    }
  }
  return undefined;
}

/** Values by key, each with the few before it, and what readers get of them. Mutable; `view` is replaced and never changed. */
export interface KeyedView<T> {
  readonly byKey: Map<string, Versioned<T>>;
  /** By key, in the order of the keys. */
  view: ReadonlyMap<string, T>;
}

/** Nothing yet. */
export function noKeyedView<T>(): KeyedView<T> {
  return { byKey: new Map(), view: new Map() };
}

/** Gives `key` the value that the event at `position` says; undefined removes it. For things so few that removed ones may stay. */
export function putInView<T>(state: KeyedView<T>, key: string, position: number, value: T | undefined): void {
  put(state.byKey, key, position, value, noGraves());
  refresh(state);
}

/** Un-applies the event at `position` if a value came with it, and says whether one did. */
export function unapplyFromView<T>(state: KeyedView<T>, position: number): boolean {
  const isThere = unapply(state.byKey, position) !== undefined;
  if (isThere) refresh(state);
  return isThere;
}

function refresh<T>(state: KeyedView<T>): void {
  const entries = [...state.byKey].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value] as const]));
  state.view = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
