// What the demo consists of: instances with their addresses and ports, as examples/bookinfo/mesh describes them. Pure.
import type { ProxyIdentity } from '../agent/proxy-node.ts';

/** One instance of a Bookinfo service. */
export interface DemoInstance {
  readonly app: 'productpage' | 'details' | 'reviews' | 'ratings';
  readonly version: string;
  /** `reviews-v1`. */
  readonly name: string;
  /** Where its sidecar accepts requests for it, on port 9080. */
  readonly address: string;
  /** Where its sidecar accepts the requests that it makes, on port 9080. */
  readonly outboundAddress: string;
  /** Where the application listens, on 127.0.0.1. */
  readonly appPort: number;
}

/** Port of every Bookinfo service. */
export const servicePort = 9080;
/** The gateway's address in the mesh; its port is on 127.0.0.1. */
export const gatewayAddress = '127.10.0.10';
/** Ports of an agent and its Envoy on the instance's own address. */
export const proxyPorts = { admin: 15000, status: 15020, readiness: 15021, prometheus: 15090 } as const;

const parts = [
  ['productpage', 'v1'],
  ['details', 'v1'],
  ['reviews', 'v1'],
  ['reviews', 'v2'],
  ['reviews', 'v3'],
  ['ratings', 'v1'],
] as const;

/** All instances, in the order of their addresses. */
export const demoInstances: readonly DemoInstance[] = parts.map(([app, version], index) => ({
  app,
  version,
  name: `${app}-${version}`,
  address: `127.10.0.${index + 1}`,
  outboundAddress: `127.20.0.${index + 1}`,
  appPort: 19_081 + index,
}));

/** Who an instance's sidecar is. */
export function sidecarIdentity({ app, version, name, address }: DemoInstance): ProxyIdentity {
  return {
    addresses: [address],
    name,
    namespace: 'default',
    labels: { app, version },
    serviceAccount: `bookinfo-${app}`,
  };
}

/** Who the ingress gateway is. */
export const gatewayIdentity: ProxyIdentity = {
  type: 'router',
  addresses: [gatewayAddress],
  name: 'istio-ingressgateway',
  namespace: 'istio-system',
  labels: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
  serviceAccount: 'istio-ingressgateway',
};

/** An address and port that the demo listens on, and what for. */
export interface DemoPort {
  readonly host: string;
  readonly port: number;
  readonly use: string;
}

/** Everything that must be free, the gateway's port first: it is the likeliest to be taken. */
export function demoPorts(gatewayPort: number): readonly DemoPort[] {
  const ofProxy = (host: string, name: string) =>
    Object.entries(proxyPorts).map(([use, port]) => ({ host, port, use: `${name}’s proxy (${use})` }));
  return [
    { host: '127.0.0.1', port: gatewayPort, use: 'the ingress gateway' },
    ...demoInstances.map(({ name, appPort }) => ({ host: '127.0.0.1', port: appPort, use: `the application ${name}` })),
    ...demoInstances.flatMap(({ name, address, outboundAddress }) => [
      { host: address, port: servicePort, use: `${name}’s proxy (inbound)` },
      { host: outboundAddress, port: servicePort, use: `${name}’s proxy (outbound)` },
      ...ofProxy(address, name),
    ]),
    ...ofProxy(gatewayAddress, 'the ingress gateway'),
  ];
}
