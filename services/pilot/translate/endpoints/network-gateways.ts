// Endpoints of other networks: they are called by their network's gateways, which share the endpoints' weight.
import type { Endpoint, ServicePort } from '../../../../events/model.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import {
  gatewaysFor,
  gatewaysOf,
  type MeshNetworks,
  type NetworkGateway,
  networkOf,
} from '../../../../mesh/config/mesh-networks.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { endpointWeight } from './lb-endpoint.ts';

/**
 * What a proxy calls for `endpoints` (istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks). Those of its own
 * network, of none, and of networks without gateways are called themselves; a proxy of no network calls every other by gateways. Of other networks only
 * those are reached that take mutual TLS: a gateway knows where to by its SNI alone. Weights are multiplied so that each gateway's share is whole.
 */
export function reachedEndpoints(
  endpoints: readonly Endpoint[],
  port: ServicePort,
  proxy: {
    readonly context: Pick<ProxyContext, 'network'>;
    readonly mesh: Pick<MeshConfig, 'networks'>;
    readonly takesTls: (endpoint: Endpoint) => boolean;
  },
): readonly Endpoint[] {
  const { context, mesh, takesTls } = proxy;
  const { networks } = mesh;
  if (networks === undefined) return endpoints;
  const groups = Map.groupBy(endpoints, (endpoint) => {
    const network = networkOf(endpoint, networks);
    const isDirect = network === '' || network === context.network || gatewaysOf(network, networks).length === 0;
    return isDirect ? '' : JSON.stringify([network, endpoint.locality ?? '']);
  });
  const remote = [...groups.keys()].filter((key) => key !== '').sort(compareNames);
  if (remote.length === 0) return endpoints;
  const scale = weightScale(networks);
  const weighed = (endpoint: Endpoint, weight: number) => ({ ...endpoint, weight });
  return [
    ...(groups.get('') ?? []).map((endpoint) => weighed(endpoint, endpointWeight(endpoint) * scale)),
    ...remote.flatMap((key) => {
      const behind = (groups.get(key) ?? []).filter(takesTls);
      const [first] = behind;
      if (first === undefined) return [];
      const network = networkOf(first, networks);
      return shares(behind, { network, networks, scale }).map(({ gateway, weight }) => {
        const { address, locality = first.locality } = gateway;
        const there = { id: `${network}/${address}`, address, network, ports: { [port.name]: gateway.port } };
        return weighed({ ...first, ...there, workload: '', ...(locality !== undefined && { locality }) }, weight);
      });
    }),
  ];
}

/** What weight each gateway has: that of the endpoints that it is for, shared with their other gateways. */
function shares(
  behind: readonly Endpoint[],
  { network, networks, scale }: { readonly network: string; readonly networks: MeshNetworks; readonly scale: number },
): readonly { readonly gateway: NetworkGateway; readonly weight: number }[] {
  const byGateway = new Map<string, { readonly gateway: NetworkGateway; readonly weight: number }>();
  for (const [clusterId, endpoints] of Map.groupBy(behind, (endpoint) => endpoint.clusterId)) {
    const gateways = gatewaysFor({ network, ...(clusterId && { clusterId }) }, networks);
    const total = endpoints.reduce((sum, endpoint) => sum + endpointWeight(endpoint), 0);
    for (const gateway of gateways) {
      // One address is one host for Envoy, whatever it is a gateway for.
      const key = JSON.stringify([gateway.address, gateway.port]);
      const weight = (byGateway.get(key)?.weight ?? 0) + (total * scale) / gateways.length;
      byGateway.set(key, { gateway, weight });
    }
  }
  return [...byGateway].sort(([a], [b]) => compareNames(a, b)).map(([, share]) => share);
}

/** The least number that any set of gateways divides: those of a network, and those that one cluster has in it. */
function weightScale(networks: MeshNetworks): number {
  const sets = Object.keys(networks).flatMap((network) => {
    const all = gatewaysOf(network, networks);
    return [all, ...Map.groupBy(all, ({ cluster }) => cluster).values()];
  });
  return sets.map((set) => set.length).reduce(leastCommonMultiple, 1);
}

function leastCommonMultiple(a: number, b: number): number {
  const greatest = (x: number, y: number): number => (y === 0 ? x : greatest(y, x % y));
  return b === 0 ? a : (a * b) / greatest(a, b);
}
