// How a text is compared with a list, wherever the list is from: one meaning for entries in a rule, in a file and behind a URL.
import { compilePattern } from '../../../mesh/policy/expression/patterns.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import type { ListType } from '../../../mesh/policy/rules.ts';
import { listOf } from './address-list.ts';

/** Whether `text` is listed. */
export type ListMatcher = (text: string) => boolean;

/** A matcher for entries that are valid; those that are not match nothing. */
export function listMatcher(type: ListType, entries: readonly string[]): ListMatcher {
  switch (type) {
    case 'STRINGS': {
      const set = new Set(entries);
      return (text) => set.has(text);
    }
    case 'CASE_INSENSITIVE_STRINGS': {
      const set = new Set(entries.map((entry) => entry.toLowerCase()));
      return (text) => set.has(text.toLowerCase());
    }
    case 'IP_ADDRESSES': {
      const list = listOf(entries);
      return (text) => {
        const address = ipOf(text);
        return address !== undefined && list(address);
      };
    }
    case 'REGEX': {
      const patterns = entries.map(compilePattern);
      return (text) => patterns.some((pattern) => typeof pattern !== 'string' && pattern(text));
    }
    default:
      return type satisfies never;
  }
}
