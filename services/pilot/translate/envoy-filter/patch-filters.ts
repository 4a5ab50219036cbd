// Applies an EnvoyFilter's patches to network filters and to the HTTP filters inside a connection manager.
import type {
  Filter,
  FilterChain,
  ListenerFilter,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type {
  HttpConnectionManager,
  HttpFilter,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { changeConnectionManager, connectionManagerName } from './connection-manager.ts';
import { type Journal, newValue, refuse } from './journal.ts';
import { httpFilterMatch, matchesFilterChain, matchesListener, networkFilterMatch } from './listener-match.ts';
import { mergedAny } from './merge-message.ts';
import type { Patch } from './patch.ts';
import { patchedList } from './patch-list.ts';
import type { ListenerPlace } from './patch-listener.ts';
import { isFor } from './patch-set.ts';

/** Patches the filters of a chain, in place. */
export function patchNetworkFilters(chain: FilterChain, place: ListenerPlace): void {
  const { patches, context, listener, journal } = place;
  const applies = (patch: Patch) =>
    isFor(patch, context) && matchesListener(patch, listener) && matchesFilterChain(patch, listener, chain);
  const ofChain = patches.of('NETWORK_FILTER').filter(applies);
  for (const patch of ofChain) {
    const before = chain.filters;
    const after = patchedList(before, patch.operation, networkFilterMatch(patch), () => newValue(patch));
    if (after === before) continue;
    chain.filters = [...after];
    journal.changed = true;
  }
  const merges = ofChain.filter(({ operation }) => operation === 'MERGE');
  const ofHttp = patches.of('HTTP_FILTER').filter(applies);
  for (const filter of chain.filters) {
    for (const patch of merges)
      if (networkFilterMatch(patch).matches(filter)) mergeFilter(filter, patch, { journal, renames: true });
    if (filter.name === connectionManagerName) {
      const ofFilter = ofHttp.filter((patch) => networkFilterMatch(patch).matches(filter));
      patchConnectionManager(filter, ofFilter, journal);
    }
  }
}

/** Merges a patch's typed configuration into a filter's; a filter without one is left as it is. */
export function mergeFilter(
  filter: Filter | HttpFilter | ListenerFilter,
  patch: Patch<'NETWORK_FILTER'> | Patch<'HTTP_FILTER'> | Patch<'LISTENER_FILTER'>,
  { journal, renames }: { readonly journal: Journal; readonly renames: boolean },
): void {
  const { name, configType } = patch.value;
  if (filter.configType.case !== 'typedConfig') return;
  if (renames && name !== '') {
    filter.name = name;
    journal.changed = true;
  }
  if (configType.case !== 'typedConfig') return;
  const merged = mergedAny(filter.configType.value, configType.value);
  if (typeof merged === 'string') {
    refuse(journal, patch, merged);
    return;
  }
  filter.configType = { case: 'typedConfig', value: merged };
  journal.changed = true;
}

/** Unpacked only when a patch is for something inside it. */
function patchConnectionManager(filter: Filter, patches: readonly Patch<'HTTP_FILTER'>[], journal: Journal): void {
  if (patches.length > 0)
    changeConnectionManager(filter, journal, (manager, inside) => patchHttpFilters(manager, patches, inside));
}

function patchHttpFilters(
  manager: HttpConnectionManager,
  patches: readonly Patch<'HTTP_FILTER'>[],
  journal: Journal,
): void {
  for (const patch of patches) {
    const before = manager.httpFilters;
    const after = patchedList(before, patch.operation, httpFilterMatch(patch), () => newValue(patch));
    if (after === before) continue;
    manager.httpFilters = [...after];
    journal.changed = true;
  }
  for (const filter of manager.httpFilters) {
    for (const patch of patches) {
      if (patch.operation === 'MERGE' && httpFilterMatch(patch).matches(filter))
        mergeFilter(filter, patch, { journal, renames: true });
    }
  }
}
