// Applies an EnvoyFilter's patches to a listener: itself, its listener filters and its filter chains.
import type { FilterChain } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { changeConnectionManager, connectionManagerName } from './connection-manager.ts';
import { type Journal, listMerge, mergeValue, newValue, refuse } from './journal.ts';
import { listenerFilterMatch, matchesFilterChain, matchesListener } from './listener-match.ts';
import { mergedAny } from './merge-message.ts';
import type { Patch, PatchContext } from './patch.ts';
import { mergeFilter, patchNetworkFilters } from './patch-filters.ts';
import { patchedList } from './patch-list.ts';
import { patchRouteConfiguration } from './patch-routes.ts';
import { isFor, type PatchSet } from './patch-set.ts';

/** Where filters are being patched. */
export interface ListenerPlace {
  readonly patches: PatchSet;
  readonly context: PatchContext;
  readonly listener: Listener;
  readonly journal: Journal;
}

/** The listener, changed in place; undefined when it is removed. */
export function patchListener(place: ListenerPlace): Listener | undefined {
  const { patches, context, listener, journal } = place;
  patchInlineRoutes(place);
  for (const patch of patches.of('LISTENER')) {
    if (!isFor(patch, context) || patch.operation === 'ADD' || !matchesListener(patch, listener)) continue;
    if (patch.operation === 'REMOVE') return undefined;
    mergeValue(journal, listener, patch);
  }
  patchListenerFilters(place);
  return patchFilterChains(place) ? listener : undefined;
}

/** A sidecar's inbound routes are inline in its listeners. As in Istio they are patched as they are made, before what holds them. */
function patchInlineRoutes({ patches, context, listener, journal }: ListenerPlace): void {
  if (context !== 'SIDECAR_INBOUND') return;
  const kinds = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'] as const;
  if (!kinds.some((kind) => patches.of(kind).some((patch) => isFor(patch, context)))) return;
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
  for (const filter of chains.flatMap(({ filters }) => filters)) {
    if (filter.name !== connectionManagerName) continue;
    changeConnectionManager(filter, journal, ({ routeSpecifier: { case: form, value } }, inside) => {
      if (form === 'routeConfig') patchRouteConfiguration({ patches, context, configuration: value, journal: inside });
    });
  }
}

function patchListenerFilters({ patches, context, listener, journal }: ListenerPlace): void {
  for (const patch of patches.of('LISTENER_FILTER')) {
    if (!isFor(patch, context) || !matchesListener(patch, listener)) continue;
    const match = listenerFilterMatch(patch);
    const before = listener.listenerFilters;
    const after = patchedList(before, patch.operation, match, () => newValue(patch));
    if (after !== before) {
      listener.listenerFilters = [...after];
      journal.changed = true;
    }
    if (patch.operation !== 'MERGE' || !match.isNamed) continue;
    for (const filter of before) if (match.matches(filter)) mergeFilter(filter, patch, { journal, renames: false });
  }
}

/** False when the listener has no filter chain left: Envoy would refuse it. */
function patchFilterChains(place: ListenerPlace): boolean {
  const { patches, context, listener, journal } = place;
  const hadChains = listener.filterChains.length > 0 || listener.defaultFilterChain !== undefined;
  const kept = listener.filterChains.filter((chain) => patchFilterChain(chain, place));
  if (kept.length < listener.filterChains.length) listener.filterChains = kept;
  if (listener.defaultFilterChain && !patchFilterChain(listener.defaultFilterChain, place))
    delete listener.defaultFilterChain;
  for (const patch of patches.of('FILTER_CHAIN')) {
    if (patch.operation !== 'ADD' || !isFor(patch, context) || !matchesListener(patch, listener)) continue;
    listener.filterChains.push(newValue(patch));
    journal.changed = true;
  }
  return !hadChains || listener.filterChains.length > 0 || listener.defaultFilterChain !== undefined;
}

/** False when the chain is removed. */
function patchFilterChain(chain: FilterChain, place: ListenerPlace): boolean {
  const { patches, context, listener, journal } = place;
  for (const patch of patches.of('FILTER_CHAIN')) {
    if (!isFor(patch, context) || patch.operation === 'ADD') continue;
    if (!matchesListener(patch, listener) || !matchesFilterChain(patch, listener, chain)) continue;
    if (patch.operation === 'REMOVE') {
      journal.changed = true;
      return false;
    }
    if (listMerge(patch.operation) && !mergeTransportSocket(chain, patch, journal)) mergeValue(journal, chain, patch);
  }
  patchNetworkFilters(chain, place);
  return true;
}

/** A patch with a transport socket of the chain's kind is merged into its configuration, and does nothing else (Istio's rule). */
function mergeTransportSocket(chain: FilterChain, patch: Patch<'FILTER_CHAIN'>, journal: Journal): boolean {
  const [target, source] = [chain.transportSocket, patch.value.transportSocket];
  if (target === undefined || source === undefined || target.name !== source.name) return false;
  if (target.configType.case === 'typedConfig' && source.configType.case === 'typedConfig') {
    const merged = mergedAny(target.configType.value, source.configType.value);
    if (typeof merged === 'string') {
      refuse(journal, patch, merged);
      return true;
    }
    target.configType = { case: 'typedConfig', value: merged };
    journal.changed = true;
  }
  return true;
}
