// The hosts that a gateway's server and its VirtualServices have in common, with their routes.
import type { Route } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { hostsForNamespace, intersectHosts } from '../routes/hostname.ts';
import type { Lookups } from '../routes/lookups.ts';
import type { VirtualService } from '../routes/resolve-virtual-service.ts';
import { virtualServiceRoutes } from '../routes/virtual-service-routes.ts';
import { destinationService, virtualServicesOf } from './gateway-virtual-services.ts';
import type { GatewayServer } from './merge-gateways.ts';

/** A host while its routes are collected: lists of routes, each one VirtualService's. */
export interface Host {
  readonly port: number;
  readonly routes: (readonly Route[])[];
  requiresTls: boolean;
}

/** Adds the hosts of a server, each with the routes of the VirtualServices that are bound to it there. */
export function collectHosts(placed: GatewayServer, hosts: Map<string, Host>, lookups: Lookups): void {
  const { server, gateway } = placed;
  const port = server.port.number;
  const requiresTls = server.tls?.httpsRedirect === true;
  const hostAt = (hostname: string): Host => {
    const key = hostname.toLowerCase();
    const known = hosts.get(key) ?? { port, routes: [], requiresTls: false };
    hosts.set(key, known);
    known.requiresTls ||= requiresTls;
    return known;
  };
  for (const virtualService of virtualServicesOf(gateway, lookups)) {
    const served = hostsForNamespace(server.hosts, virtualService.namespace);
    const common = intersectHosts(served, virtualService.spec.hosts ?? []);
    if (common.length === 0) continue;
    const routes = routesOf(virtualService, placed, lookups);
    if (routes.length === 0) continue;
    for (const hostname of common) hostAt(hostname).routes.push(routes);
  }
  // A redirect to HTTPS needs no VirtualService.
  if (requiresTls) for (const host of server.hosts) hostAt(host.slice(host.indexOf('/') + 1));
}

function routesOf(virtualService: VirtualService, { server, gateway }: GatewayServer, lookups: Lookups) {
  const place = {
    port: server.port.number,
    gateway,
    isTls: server.tls !== undefined,
    service: (hostname: string) => destinationService(hostname, virtualService, lookups),
  };
  return virtualServiceRoutes(virtualService, place, lookups);
}
