// Routes for connections that were opened before their host moved to another HTTPS server of the port: Envoy drains them, but until
// it has closed them their requests still come to the server that had the host.
import { isDeepStrictEqual } from 'node:util';
import type { ReleasedHosts } from '../../../../mesh/gateway-drains.ts';
import { isHostWithin } from '../names.ts';
import { compareSpecificity } from '../routes/hostname.ts';
import type { Lookups } from '../routes/lookups.ts';
import { collectHosts, type Host } from './gateway-hosts.ts';
import { type GatewayPort, type GatewayServer, mergedGateways } from './merge-gateways.ts';

/** Adds to an HTTPS server's `hosts` those that left it lately and that other servers have now: with the routes they have there. */
export function addDrainingHosts(placed: GatewayServer, hosts: Map<string, Host>, lookups: Lookups): void {
  const releases = lookups.scope.snapshot.gatewayDrains.get(placed.gateway) ?? [];
  const released = new Set(releases.filter((one) => isOf(one, placed)).flatMap((one) => one.hosts));
  if (released.size === 0) return;
  const port = mergedGateways(lookups).ports.find(({ servers }) => servers.includes(placed));
  if (port === undefined) return;
  const collected = new Map<GatewayServer, ReadonlyMap<string, Host>>();
  for (const other of port.servers) {
    if (other === placed || other.routeName === '' || !mayStandIn(other, placed)) continue;
    const own = new Map<string, Host>();
    collectHosts(other, own, lookups);
    collected.set(other, own);
  }
  for (const [other, own] of collected) {
    for (const [hostname, host] of own) {
      const wasServed = [...released].some((one) => isHostWithin(hostname, one));
      if (wasServed && !hosts.has(hostname) && serverOf(hostname, port) === other) hosts.set(hostname, host);
    }
  }
}

function isOf({ server }: ReleasedHosts, { server: { port, bind } }: GatewayServer): boolean {
  return server.port === port.number && server.portName === port.name && server.bind === (bind ?? '');
}

/** Whether requests that came in by `before` may be answered as by `now`: it must have asked no less of the client. */
function mayStandIn(now: GatewayServer, before: GatewayServer): boolean {
  return now.server.tls?.mode === 'SIMPLE' || isDeepStrictEqual(now.server.tls, before.server.tls);
}

/** Where new connections for a host go: to the server that has its most specific name. */
function serverOf(hostname: string, { servers }: GatewayPort): GatewayServer | undefined {
  const names = servers.flatMap((server) =>
    server.sniHosts.filter((name) => isHostWithin(hostname, name)).map((name) => ({ server, name })),
  );
  return names.sort((a, b) => compareSpecificity(a.name, b.name))[0]?.server;
}
