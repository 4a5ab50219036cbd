// Applies an EnvoyFilter's patches to a route configuration, its virtual hosts and their routes.
import type { Route, VirtualHost } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import type { RouteConfigurationMatch } from '../../../../mesh/config/schemas/envoy-filter.ts';
import { parseSubsetKey } from '../names.ts';
import { type Journal, mergeValue, newValue } from './journal.ts';
import type { Patch, PatchContext } from './patch.ts';
import { patchedList } from './patch-list.ts';
import { isFor, type PatchSet } from './patch-set.ts';

/** Ports of a gateway's Gateway servers by the port that its proxy listens on, where the two differ. */
export type GatewayPorts = ReadonlyMap<number, ReadonlySet<number>>;

/** Where routes are being patched. */
export interface RoutePlace {
  readonly patches: PatchSet;
  readonly context: PatchContext;
  readonly configuration: RouteConfiguration;
  readonly journal: Journal;
  readonly gatewayPorts?: GatewayPorts | undefined;
}

const anyGatewayPorts: GatewayPorts = new Map();

/** Changes the configuration in place. */
export function patchRouteConfiguration(place: RoutePlace): void {
  const { patches, configuration, journal } = place;
  for (const patch of patches.of('ROUTE_CONFIGURATION')) {
    if (appliesTo(patch, place)) mergeValue(journal, configuration, patch);
  }
  const ofHosts = patches.of('VIRTUAL_HOST').filter((patch) => appliesTo(patch, place));
  const ofRoutes = patches.of('HTTP_ROUTE').filter((patch) => appliesTo(patch, place));
  if (ofHosts.length === 0 && ofRoutes.length === 0) return;
  const removed = new Set<string>();
  const hosts = configuration.virtualHosts.map((host) => {
    const patched = patchVirtualHost(host, ofHosts, ofRoutes, journal);
    if (patched === undefined) removed.add(host.name);
    return patched ?? host;
  });
  const added = ofHosts.filter(({ operation }) => operation === 'ADD').map((patch) => newValue(patch));
  if (added.length > 0 || removed.size > 0) journal.changed = true;
  configuration.virtualHosts = [...hosts, ...added].filter(({ name }) => !removed.has(name));
}

/** Whether a patch is for a route configuration of this name: its name says all that can be asked for. */
export function matchesRouteConfiguration(
  { match: { routeConfiguration: match } }: Patch,
  name: string,
  context: PatchContext,
  gatewayPorts: GatewayPorts = anyGatewayPorts,
): boolean {
  if (match === undefined) return true;
  if (match.name && match.name !== name) return false;
  if (context !== 'GATEWAY') return !match.portNumber || portOfName(name) === match.portNumber;
  const gateway = gatewayRoute(name);
  if (match.portName && match.portName !== gateway.portName) return false;
  if (match.gateway && match.gateway !== gateway.gateway) return false;
  if (!match.portNumber) return true;
  const served = gatewayPorts.get(gateway.port);
  return served ? served.has(match.portNumber) : gateway.port === match.portNumber;
}

function appliesTo(patch: Patch, { context, configuration, gatewayPorts }: RoutePlace): boolean {
  return isFor(patch, context) && matchesRouteConfiguration(patch, configuration.name, context, gatewayPorts);
}

/** `80`, `inbound|9080||`. */
function portOfName(name: string): number {
  return name.startsWith('inbound') ? (parseSubsetKey(name)?.port ?? 0) : /^\d{1,5}$/.test(name) ? Number(name) : 0;
}

/** `http.8080`, `https.443.PORT.GATEWAY.NAMESPACE`. */
function gatewayRoute(name: string): { readonly port: number; readonly portName: string; readonly gateway: string } {
  const parts = name.split('.');
  const [kind, port, portName = '', gateway, namespace] = parts;
  const isHttps = kind === 'https' && parts.length === 5;
  if (!isHttps) return { port: kind === 'http' ? Number(port) : 0, portName: '', gateway: '' };
  return { port: Number(port), portName, gateway: `${namespace}/${gateway}` };
}

/** Undefined when the host is removed. */
function patchVirtualHost(
  original: VirtualHost,
  ofHosts: readonly Patch<'VIRTUAL_HOST'>[],
  ofRoutes: readonly Patch<'HTTP_ROUTE'>[],
  journal: Journal,
): VirtualHost | undefined {
  let host = original;
  for (const patch of ofHosts) {
    if (!matchesVirtualHost(patch, host)) continue;
    if (patch.operation === 'REMOVE') return undefined;
    mergeValue(journal, host, patch);
    if (patch.operation !== 'REPLACE') continue;
    host = newValue(patch);
    journal.changed = true;
  }
  patchRoutes(host, ofRoutes, journal);
  return host;
}

function patchRoutes(host: VirtualHost, patches: readonly Patch<'HTTP_ROUTE'>[], journal: Journal): void {
  const own = patches.filter((patch) => matchesVirtualHost(patch, host));
  const kept = host.routes.filter((route) => patchRoute(route, own, journal));
  if (kept.length < host.routes.length) host.routes = kept;
  for (const patch of own) {
    const { operation } = patch;
    if (operation === 'REMOVE' || operation === 'REPLACE') continue;
    const match = { isNamed: routeOf(patch) !== undefined, matches: (route: Route) => matchesRoute(patch, route) };
    // Put first only where the route that it names exists.
    if (operation === 'INSERT_FIRST' && match.isNamed && !host.routes.some(match.matches)) continue;
    const after = patchedList(host.routes, operation, match, () => newValue(patch));
    if (after === host.routes) continue;
    host.routes = [...after];
    journal.changed = true;
  }
}

/** False when the route is removed. */
function patchRoute(route: Route, patches: readonly Patch<'HTTP_ROUTE'>[], journal: Journal): boolean {
  for (const patch of patches) {
    if (!matchesRoute(patch, route)) continue;
    if (patch.operation === 'REMOVE') {
      journal.changed = true;
      return false;
    }
    mergeValue(journal, route, patch);
  }
  return true;
}

type VirtualHostMatch = NonNullable<RouteConfigurationMatch['vhost']>;

function matchesVirtualHost({ match }: Patch, host: VirtualHost): boolean {
  const wanted: VirtualHostMatch = match.routeConfiguration?.vhost ?? {};
  return (
    (!wanted.name || wanted.name === host.name) && (!wanted.domainName || host.domains.includes(wanted.domainName))
  );
}

function routeOf({ match }: Patch): VirtualHostMatch['route'] {
  return match.routeConfiguration?.vhost?.route;
}

const actions = { ROUTE: 'route', REDIRECT: 'redirect', DIRECT_RESPONSE: 'directResponse' } as const;

function matchesRoute(patch: Patch, route: Route): boolean {
  const { name, action = 'ANY' } = routeOf(patch) ?? {};
  if (name && name !== route.name) return false;
  if (action === 'ANY') return true;
  // Other kinds of action can't be asked for, and match every one that can (as in Istio).
  const isKnown = Object.values<string | undefined>(actions).includes(route.action.case);
  return !isKnown || actions[action] === route.action.case;
}
