// Adding to, inserting into, replacing in and removing from a list of filters or routes.
import type { Operation } from './patch.ts';

/** How one patch picks elements. */
export interface ListMatch<Item> {
  /** Whether the patch names an element at all. */
  readonly isNamed: boolean;
  readonly matches: (item: Item) => boolean;
}

/**
 * The list after an operation other than a merge; `list` itself where it changes nothing. Without a named element
 * INSERT_BEFORE is the beginning and INSERT_AFTER the end, and nothing is replaced or removed (Istio's rules).
 */
export function patchedList<Item>(
  list: readonly Item[],
  operation: Operation,
  { isNamed, matches }: ListMatch<NoInfer<Item>>,
  newItem: () => Item,
): readonly Item[] {
  const at = isNamed ? list.findIndex(matches) : -1;
  switch (operation) {
    case 'ADD':
      return [...list, newItem()];
    case 'INSERT_FIRST':
      return [newItem(), ...list];
    case 'INSERT_BEFORE':
      if (!isNamed) return [newItem(), ...list];
      return at === -1 ? list : [...list.slice(0, at), newItem(), ...list.slice(at)];
    case 'INSERT_AFTER':
      if (!isNamed) return [...list, newItem()];
      return at === -1 ? list : [...list.slice(0, at + 1), newItem(), ...list.slice(at + 1)];
    case 'REPLACE':
      return at === -1 ? list : [...list.slice(0, at), newItem(), ...list.slice(at + 1)];
    case 'REMOVE':
      return at === -1 ? list : list.filter((item) => !matches(item));
    case 'MERGE':
    case 'MERGE_AND_REPLACE_LIST':
      return list;
    default:
      return operation satisfies never;
  }
}
