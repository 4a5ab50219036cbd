// Endpoints of other networks: they are called by their network's gateways, which share the endpoints' weight.
import type { Endpoint, ServicePort } from '../../../../events/model.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { gatewaysOf, networkOf } from '../../../../mesh/config/mesh-networks.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { endpointWeight } from './lb-endpoint.ts';

/**
 * What a proxy calls for `endpoints` (istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks). Those of its own
 * network, of none, and of networks without gateways are called themselves. Of other networks only those are reached that take mutual TLS: a
 * gateway knows where to by its SNI alone. Weights are multiplied so that each gateway's share is whole.
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
  if (mesh.networks === undefined || context.network === '') return endpoints;
  const groups = Map.groupBy(endpoints, (endpoint) => {
    const network = networkOf(endpoint, mesh.networks);
    const isDirect = network === '' || network === context.network;
    return isDirect || gatewaysOf(network, mesh.networks).length === 0 ? '' : network;
  });
  const networks = [...groups.keys()].filter((network) => network !== '').sort(compareNames);
  if (networks.length === 0) return endpoints;
  const scale = networks.map((network) => gatewaysOf(network, mesh.networks).length).reduce(leastCommonMultiple, 1);
  const weighed = (endpoint: Endpoint, weight: number) => ({ ...endpoint, weight });
  return [
    ...(groups.get('') ?? []).map((endpoint) => weighed(endpoint, endpointWeight(endpoint) * scale)),
    ...networks.flatMap((network) => {
      const behind = (groups.get(network) ?? []).filter(takesTls);
      const [first] = behind;
      if (first === undefined) return [];
      const gateways = gatewaysOf(network, mesh.networks);
      const total = behind.reduce((sum, endpoint) => sum + endpointWeight(endpoint), 0);
      const weight = (total * scale) / gateways.length;
      return gateways.map(({ address, port: gatewayPort, locality = first.locality }) => {
        const there = { id: `${network}/${address}`, address, network, ports: { [port.name]: gatewayPort } };
        return weighed({ ...first, ...there, workload: '', ...(locality !== undefined && { locality }) }, weight);
      });
    }),
  ];
}

function leastCommonMultiple(a: number, b: number): number {
  const greatest = (x: number, y: number): number => (y === 0 ? x : greatest(y, x % y));
  return (a * b) / greatest(a, b);
}
