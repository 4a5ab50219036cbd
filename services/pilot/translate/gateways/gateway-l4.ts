// Byte forwarding at a gateway: VirtualServices' tcp rules, tls rules by SNI, and SNI-named clusters (AUTO_PASSTHROUGH).
import type { Service } from '../../../../events/model.ts';
import type { L4MatchAttributes, TLSMatchAttributes } from '../../../../mesh/config/schemas/virtual-service.ts';
import { routeTarget, statPrefixOf } from '../listeners/l4-chains.ts';
import { type TcpTarget, toCluster } from '../listeners/tcp-proxy.ts';
import { dnsSrvSubsetKey, isHostWithin } from '../names.ts';
import { hostsForNamespace, hostsOverlap } from '../routes/hostname.ts';
import { destinationRule, type Lookups } from '../routes/lookups.ts';
import type { VirtualService } from '../routes/resolve-virtual-service.ts';
import { virtualServicesOf } from './gateway-virtual-services.ts';
import { type GatewayServer, isPassthrough } from './merge-gateways.ts';

/** One chain of a server that forwards bytes. */
export interface GatewayL4Chain {
  readonly sniHosts: readonly string[];
  readonly applicationProtocols: readonly string[];
  readonly target: TcpTarget;
  readonly owner: VirtualService | Service;
}

/** ALPN names of the mesh's own mutual TLS: nothing else may pass to a cluster named by SNI. */
const meshAlpns = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/** The chains of a server; none for one that speaks HTTP, or where no rule applies. */
export function gatewayL4Chains(placed: GatewayServer, lookups: Lookups): readonly GatewayL4Chain[] {
  if (placed.routeName !== '') return [];
  if (placed.server.tls?.mode === 'AUTO_PASSTHROUGH') return autoPassthrough(placed, lookups);
  const bound = virtualServicesOf(placed.gateway, lookups).filter((virtualService) =>
    sharesHost(placed, virtualService),
  );
  return isPassthrough(placed.server) ? sniChains(placed, bound, lookups) : tcpChain(placed, bound, lookups);
}

function sharesHost({ server }: GatewayServer, { spec, namespace }: VirtualService): boolean {
  const served = hostsForNamespace(server.hosts, namespace);
  return (spec.hosts ?? []).some((host) => served.some((other) => hostsOverlap(other, host)));
}

/** All connections to the first rule that applies: nothing tells them apart. */
function tcpChain(placed: GatewayServer, bound: readonly VirtualService[], lookups: Lookups): GatewayL4Chain[] {
  const port = placed.server.port.number;
  for (const owner of bound) {
    for (const { match, route } of owner.spec.tcp ?? []) {
      if (!route?.length || (match?.length && !match.some((one) => appliesTo(one, placed)))) continue;
      const target = routeTarget(route, owner, port, lookups);
      return [{ sniHosts: placed.sniHosts, applicationProtocols: [], target, owner }];
    }
  }
  return [];
}

/** A chain for each tls match; of equal names the first rule's. */
function sniChains(placed: GatewayServer, bound: readonly VirtualService[], lookups: Lookups): GatewayL4Chain[] {
  const port = placed.server.port.number;
  const taken = new Set<string>();
  const chains: GatewayL4Chain[] = [];
  for (const owner of bound) {
    for (const { match, route } of owner.spec.tls ?? []) {
      for (const { sniHosts, ...rest } of route?.length ? match : []) {
        if (!appliesTo({ sniHosts, ...rest }, placed) || sniHosts.some((host) => taken.has(host))) continue;
        for (const host of sniHosts) taken.add(host);
        const target = routeTarget(route ?? [], owner, port, lookups);
        chains.push({ sniHosts, applicationProtocols: [], target, owner });
      }
    }
  }
  return chains;
}

function appliesTo(match: L4MatchAttributes | TLSMatchAttributes, { server, gateway }: GatewayServer): boolean {
  return (
    (!match.port || match.port === server.port.number) && (!match.gateways?.length || match.gateways.includes(gateway))
  );
}

/** A chain for each cluster that the server's hosts cover: clients of other networks name it as their SNI. */
function autoPassthrough(placed: GatewayServer, lookups: Lookups): GatewayL4Chain[] {
  const services = lookups.scope.egress[0]?.services ?? [];
  return services
    .filter(({ location, hostname }) => {
      return location === 'MESH_INTERNAL' && placed.sniHosts.some((host) => isHostWithin(hostname, host));
    })
    .flatMap((service) => {
      const rule = destinationRule(service, lookups);
      const subsets = ['', ...(rule?.subsets ?? []).map(({ name }) => name)];
      return service.ports
        .filter(({ protocol }) => protocol !== 'UDP')
        .flatMap(({ name, port }) =>
          subsets.map((subset): GatewayL4Chain => {
            const cluster = dnsSrvSubsetKey('outbound', port, subset, service.hostname);
            const statPrefix = statPrefixOf(cluster, { service, port: { name, port }, subset }, lookups);
            const target = { ...toCluster(cluster), statPrefix, subset, rule, withoutTunnel: true as const };
            return { sniHosts: [cluster], applicationProtocols: meshAlpns, target, owner: service };
          }),
        );
    });
}
