// Gateways: that VirtualServices name ones that exist and serve their hosts; that two don't claim the same host and port.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import { fullHostname, hostsOverlap } from '../resolve-host.ts';
import { sorted } from '../same-content.ts';
import type { GatewaySpec, Server } from '../schemas/gateway.ts';
import type { VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { analyzeGatewayServers } from './gateway-servers.ts';
import { finding, groupBy, type MeshIndex, nameOf } from './mesh-index.ts';

type Gateway = ConfigResource<GatewaySpec>;

/** IST0101, IST0132, IST0138, IST0145 and IST0162. */
export function analyzeGateways(index: MeshIndex): readonly Problem[] {
  const { config } = index.snapshot;
  const references = config
    .list<VirtualServiceSpec>('VirtualService')
    .flatMap((virtualService) => gatewayReferences(virtualService, index));
  const gateways = config.list<GatewaySpec>('Gateway');
  return [...references, ...conflictingServers(gateways), ...analyzeGatewayServers(gateways, index)];
}

function gatewayReferences(resource: ConfigResource<VirtualServiceSpec>, index: MeshIndex): readonly Problem[] {
  return (resource.spec.gateways ?? []).flatMap((reference, i) => {
    if (reference === 'mesh') return [];
    const [first = '', second] = reference.split('/');
    const [namespace, name] = second === undefined ? [resource.namespace, first] : [first, second];
    const gateway = index.snapshot.config.get<GatewaySpec>('Gateway', namespace, name);
    const path = ['spec', 'gateways', i];
    if (gateway === undefined) return [finding(resource, path, 'IST0101', `there is no Gateway ${namespace}/${name}`)];
    const unserved = (resource.spec.hosts ?? []).filter(
      (host) => !serves(gateway, fullHostname(host, resource.namespace), host, resource.namespace),
    );
    return unserved.length === 0
      ? []
      : [finding(resource, path, 'IST0132', `Gateway ${namespace}/${name} does not serve ${unserved.join(', ')}`)];
  });
}

function serves(gateway: Gateway, fullHost: string, host: string, namespace: string): boolean {
  const offers = (gateway.spec.servers ?? []).flatMap((server) => server.hosts);
  return offers.some((offer) => {
    const { scope, name } = parseOffer(offer, gateway.namespace);
    return (scope === '*' || scope === namespace) && (hostsOverlap(name, fullHost) || hostsOverlap(name, host));
  });
}

function parseOffer(offer: string, gatewayNamespace: string): { readonly scope: string; readonly name: string } {
  const [first = '', second] = offer.split('/');
  if (second === undefined) return { scope: '*', name: first };
  return { scope: first === '.' ? gatewayNamespace : first, name: second };
}

/** Gateways with one selector share proxies: the older one's server for a host and port is taken. */
function conflictingServers(gateways: readonly Gateway[]): readonly Problem[] {
  const servers = gateways.flatMap((gateway) =>
    (gateway.spec.servers ?? []).map((server, at) => ({ gateway, server, at })),
  );
  const problems: Problem[] = [];
  const keyOf = ({ gateway, server }: { gateway: Gateway; server: Server }) =>
    JSON.stringify([sorted(gateway.spec.selector ?? {}), server.port.number, server.bind ?? '']);
  for (const group of groupBy(servers, keyOf).values())
    for (const [position, { gateway, server, at }] of group.entries())
      for (const [j, host] of server.hosts.entries()) {
        const winner = group
          .slice(0, position)
          .find(
            (other) =>
              other.gateway !== gateway &&
              other.server.hosts.some((offer) => sameOffer(offer, other.gateway, host, gateway)),
          );
        if (winner === undefined) continue;
        problems.push(
          finding(
            gateway,
            ['spec', 'servers', at, 'hosts', j],
            'IST0145',
            `Gateway ${nameOf(winner.gateway)}, which is older, has the same selector, port ${server.port.number} and host ${host} and wins`,
          ),
        );
      }
  return problems;
}

function sameOffer(a: string, gatewayA: Gateway, b: string, gatewayB: Gateway): boolean {
  const [first, second] = [parseOffer(a, gatewayA.namespace), parseOffer(b, gatewayB.namespace)];
  return first.name === second.name && (first.scope === second.scope || first.scope === '*' || second.scope === '*');
}
