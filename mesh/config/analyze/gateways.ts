// Gateways: that VirtualServices name ones that exist and serve their hosts; that two don't claim the same host and port.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import { fullHostname, hostsOverlap } from '../resolve-host.ts';
import type { GatewaySpec, Server } from '../schemas/gateway.ts';
import type { VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { analyzeGatewayServers } from './gateway-servers.ts';
import { finding, groupBy, hasLabels, type MeshIndex, nameOf, selectorText, wins } from './mesh-index.ts';

type Gateway = ConfigResource<GatewaySpec>;

/** IST0101, IST0132, IST0138, IST0145 and IST0162. */
export function analyzeGateways(index: MeshIndex): readonly Problem[] {
  const { config } = index.snapshot;
  const references = config
    .list<VirtualServiceSpec>('VirtualService')
    .flatMap((virtualService) => gatewayReferences(virtualService, index));
  const gateways = config.list<GatewaySpec>('Gateway');
  return [...references, ...conflictingServers(gateways, index), ...analyzeGatewayServers(gateways, index)];
}

function gatewayReferences(resource: ConfigResource<VirtualServiceSpec>, index: MeshIndex): readonly Problem[] {
  return (resource.spec.gateways ?? []).flatMap((reference, i) => {
    if (reference === 'mesh') return [];
    const [first = '', second] = reference.split('/');
    const [namespace, name] = second === undefined ? [resource.namespace, first] : [first, second];
    const gateway = index.snapshot.config.get<GatewaySpec>('Gateway', namespace, name);
    const path = ['spec', 'gateways', i];
    const hosts = resource.spec.hosts ?? [];
    const isServed =
      gateway !== undefined &&
      hosts.some((host) => serves(gateway, fullHostname(host, resource.namespace), host, resource.namespace));
    const unknown = `Referenced gateway not found: ${JSON.stringify(reference)}`;
    const unserved = `one or more host [${hosts.join(' ')}] defined in VirtualService ${nameOf(resource)} not found in Gateway ${namespace}/${name}.`;
    return [
      ...(gateway === undefined ? [finding(resource, path, 'IST0101', unknown)] : []),
      ...(isServed ? [] : [finding(resource, path, 'IST0132', unserved)]),
    ];
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

/** Gateways that share proxies: the older one's server for a host and port is taken. Each of them is told. */
function conflictingServers(gateways: readonly Gateway[], index: MeshIndex): readonly Problem[] {
  const servers = gateways.flatMap((gateway) =>
    (gateway.spec.servers ?? []).map((server, at) => ({ gateway, server, at })),
  );
  const keyOf = ({ server }: { server: Server }) => JSON.stringify([server.port.number, server.bind ?? '']);
  return [...groupBy(servers, keyOf).values()].flatMap((group) =>
    group.flatMap(({ gateway, server, at }) => {
      const others = group.filter(
        (other) =>
          other.gateway !== gateway &&
          server.hosts.some((host) =>
            other.server.hosts.some((offer) => sameOffer(offer, other.gateway, host, gateway)),
          ) &&
          shareProxies(other.gateway, gateway, index),
      );
      const winner = group.find((one) => one.gateway === gateway || others.includes(one));
      if (others.length === 0 || winner === undefined) return [];
      const names = [...new Set(others.map((other) => nameOf(other.gateway)))].sort();
      const message = `Conflict with gateways ${names.join(',')} (workload selector ${selectorText(gateway.spec.selector ?? {})}, port ${server.port.number}, hosts ${server.hosts.join(',')}). ${wins(winner.gateway)}`;
      return [finding(gateway, ['spec', 'servers', at, 'hosts'], 'IST0145', message)];
    }),
  );
}

/** By one selector, or by a workload that both select. */
function shareProxies(a: Gateway, b: Gateway, index: MeshIndex): boolean {
  const [first, second] = [a.spec.selector ?? {}, b.spec.selector ?? {}];
  if (selectorText(first) === selectorText(second)) return true;
  return index.workloads().some(({ labels }) => hasLabels(labels, first) && hasLabels(labels, second));
}

function sameOffer(a: string, gatewayA: Gateway, b: string, gatewayB: Gateway): boolean {
  const [first, second] = [parseOffer(a, gatewayA.namespace), parseOffer(b, gatewayB.namespace)];
  return first.name === second.name && (first.scope === second.scope || first.scope === '*' || second.scope === '*');
}
