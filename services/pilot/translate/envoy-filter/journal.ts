// What patching a resource came to: whether it changed anything, and what could not be done.
import { clone, type MessageShape } from '@bufbuild/protobuf';
import { type ListMerge, mergeMessage } from './merge-message.ts';
import { type ApplyTo, type Operation, type Patch, patchSchemas } from './patch.ts';

/** Kept while one resource is patched. */
export interface Journal {
  changed: boolean;
  /** For people: `EnvoyFilter/default/x: configPatches[0]: …`. */
  readonly problems: string[];
}

/** A journal in which nothing has happened. */
export function newJournal(): Journal {
  return { changed: false, problems: [] };
}

/** Notes that `patch` could not be applied. */
export function refuse(journal: Journal, patch: Patch, why: string): void {
  journal.problems.push(`${patch.origin}: ${why}`);
}

/** A copy of the patch's value to put into a message. */
export function newValue<A extends ApplyTo>(patch: Patch<A>): MessageShape<(typeof patchSchemas)[A]> {
  return clone(patchSchemas[patch.applyTo], patch.value) as MessageShape<(typeof patchSchemas)[A]>;
}

/** How the operation merges lists; undefined when it is not a merge. */
export function listMerge(operation: Operation): ListMerge | undefined {
  if (operation === 'MERGE') return 'append';
  return operation === 'MERGE_AND_REPLACE_LIST' ? 'replace' : undefined;
}

/** Merges the patch's value into `target` and notes it; nothing for an operation that is not a merge. */
export function mergeValue<A extends ApplyTo>(
  journal: Journal,
  target: MessageShape<(typeof patchSchemas)[A]>,
  patch: Patch<A>,
): void {
  const lists = listMerge(patch.operation);
  if (lists === undefined) return;
  mergeMessage(patchSchemas[patch.applyTo], target, patch.value, lists);
  journal.changed = true;
}
