// Which listeners, filter chains and filters a patch is for (istio.io EnvoyFilter.ListenerMatch).
import type { FilterChain } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import type { ListenerMatch } from '../../../../mesh/config/schemas/envoy-filter.ts';
import { virtualInboundListener, virtualOutboundListener } from '../names.ts';
import type { Patch } from './patch.ts';
import type { ListMatch } from './patch-list.ts';

/** Whether a patch may be for a listener of this name: what can be said without looking into it. */
export function mayMatchListener({ match }: Patch, name: string): boolean {
  return !match.listener?.name || match.listener.name === name;
}

/** The virtual listeners have every port: there `portNumber` is looked for in filter chains. */
export function matchesListener({ match: { listener: match }, applyTo }: Patch, listener: Listener): boolean {
  if (match === undefined) return true;
  if (match.name && match.name !== listener.name) return false;
  if (applyTo !== 'LISTENER' && isVirtual(listener)) return true;
  return !match.portNumber || portOf(listener) === match.portNumber;
}

/** Of a listener that matches. */
export function matchesFilterChain({ match: { listener: match } }: Patch, listener: Listener, chain: FilterChain) {
  if (match === undefined) return true;
  const { filterChainMatch } = chain;
  if (match.portNumber && isVirtual(listener) && filterChainMatch?.destinationPort !== match.portNumber) return false;
  const wanted: NonNullable<ListenerMatch['filterChain']> = match.filterChain ?? {};
  if (wanted.name && wanted.name !== chain.name) return false;
  if (wanted.sni && !filterChainMatch?.serverNames.includes(wanted.sni)) return false;
  if (wanted.transportProtocol && filterChainMatch?.transportProtocol !== wanted.transportProtocol) return false;
  if (wanted.destinationPort && filterChainMatch?.destinationPort !== wanted.destinationPort) return false;
  const protocols = wanted.applicationProtocols ? wanted.applicationProtocols.split(',') : [];
  return protocols.every((protocol) => filterChainMatch?.applicationProtocols.includes(protocol));
}

/** Of network filters, by name. */
export function networkFilterMatch({ match }: Patch): ListMatch<{ readonly name: string }> {
  const filter = match.listener?.filterChain?.filter;
  return byName(filter && (filter.name ?? ''));
}

/** Of HTTP filters, by name. */
export function httpFilterMatch({ match }: Patch): ListMatch<{ readonly name: string }> {
  const filter = match.listener?.filterChain?.filter?.subFilter;
  return byName(filter && (filter.name ?? ''));
}

/** Of listener filters, by name. */
export function listenerFilterMatch({ match }: Patch): ListMatch<{ readonly name: string }> {
  return byName(match.listener?.listenerFilter || undefined);
}

function byName(name: string | undefined): ListMatch<{ readonly name: string }> {
  return { isNamed: name !== undefined, matches: (item) => name === undefined || item.name === name };
}

function isVirtual({ name }: Listener): boolean {
  return name === virtualInboundListener || name === virtualOutboundListener;
}

function portOf({ address }: Listener): number | undefined {
  if (address?.address.case !== 'socketAddress') return undefined;
  const { portSpecifier } = address.address.value;
  return portSpecifier.case === 'portValue' ? portSpecifier.value : undefined;
}
