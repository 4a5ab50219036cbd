// What each operation of an EnvoyFilter does to each kind of object, as in istiod (istio/istio pilot/pkg/networking/core/envoyfilter).
import type { EnvoyConfigObjectPatch, EnvoyFilterPatch } from './schemas/envoy-filter.ts';

/** What can be patched. */
export type PatchTarget = Exclude<EnvoyConfigObjectPatch['applyTo'], undefined | 'INVALID'>;
/** What is done. */
export type PatchOperation = Exclude<EnvoyFilterPatch['operation'], undefined | 'INVALID'>;
/** `as ADD`: the object is in no list in which order matters, so inserting it is adding it. */
export type PatchEffect = 'takes effect' | 'as ADD' | 'no effect';

/** Every operation, in the order of Istio's API. */
export const patchOperations = [
  'MERGE',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
  'MERGE_AND_REPLACE_LIST',
] as const satisfies readonly PatchOperation[];

const merges = ['MERGE', 'MERGE_AND_REPLACE_LIST'] as const;
const inserts = ['INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'] as const;
/** A filter's configuration is merged as a whole: Istio has no replacing of lists inside it. */
const ofFilters = ['MERGE', 'ADD', 'REMOVE', ...inserts, 'REPLACE'] as const;

/** Operations that take effect, by what is patched. A bootstrap is read once, by a starting proxy: istiod serves none. */
export const patchTargets: Readonly<Record<PatchTarget, readonly PatchOperation[]>> = {
  LISTENER: [...merges, 'ADD', 'REMOVE'],
  FILTER_CHAIN: [...merges, 'ADD', 'REMOVE'],
  NETWORK_FILTER: ofFilters,
  HTTP_FILTER: ofFilters,
  LISTENER_FILTER: ofFilters,
  ROUTE_CONFIGURATION: merges,
  VIRTUAL_HOST: [...merges, 'ADD', 'REMOVE', 'REPLACE'],
  HTTP_ROUTE: [...merges, 'ADD', 'REMOVE', ...inserts],
  CLUSTER: [...merges, 'ADD', 'REMOVE'],
  EXTENSION_CONFIG: ['ADD'],
  BOOTSTRAP: [],
};

/** What an operation comes to. */
export function patchEffect(target: PatchTarget, operation: PatchOperation): PatchEffect {
  const effective = patchTargets[target];
  if (effective.includes(operation)) return 'takes effect';
  return operation.startsWith('INSERT_') && effective.includes('ADD') ? 'as ADD' : 'no effect';
}
