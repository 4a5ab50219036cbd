// Which ports a sidecar receives traffic on: its Sidecar's ingress listeners, or the ports of the services it runs.
import { BlockList, isIP } from 'node:net';
import type { ConfigResource, Service } from '../../../../events/model.ts';
import type { ServerTLSSettings } from '../../../../mesh/config/schemas/gateway.ts';
import type { IstioIngressListener, SidecarSpec } from '../../../../mesh/config/schemas/sidecar.ts';
import type { StatNameParts } from '../clusters/stat-name.ts';
import { wildcardOf } from '../listeners/address.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { insideTls, type ListenerPortProtocol, listenerKind, parsePortProtocol } from '../routes/protocol.ts';
import { compareAge } from '../visibility.ts';

/** One port that traffic is received on. */
export interface InboundChain {
  readonly bind: string;
  /** Port that the application, or the listener, is on. */
  readonly targetPort: number;
  /** Port that its filter chains match, where that is not `targetPort`. */
  readonly matchPort?: number;
  /** The service's port. */
  readonly port: number;
  readonly protocol: ListenerPortProtocol;
  /** A listener of its own; else a chain of the virtual one. */
  readonly bindToPort: boolean;
  /** What traces call the destination: a service's hostname, `NAME.NAMESPACE` of a Sidecar, or '' for unknown ports. */
  readonly hostname: string;
  /** The service, as metrics name it; absent for unknown ports. */
  readonly service?: { readonly host: string; readonly name: string; readonly namespace: string };
  /** What statistics of its connections may call it (the mesh's `inboundClusterStatName`). */
  readonly statNames: Omit<StatNameParts, 'subset' | 'targetPort'>;
  /** TLS that ends here where mutual TLS is off; `protocol` is what is inside. */
  readonly tls?: ServerTLSSettings;
  /** The Sidecar it came from. */
  readonly sidecar: ConfigResource<SidecarSpec> | undefined;
}

/** The chains in order of their ports; where several claim one, a Sidecar's first or the oldest service's is taken. */
export function inboundChains(scope: ProxyScope): readonly InboundChain[] {
  const chains = scope.ingress ? ingressChains(scope, scope.ingress) : serviceChains(scope);
  const byPort = new Map<number, InboundChain>();
  for (const chain of chains) if (!byPort.has(chain.targetPort)) byPort.set(chain.targetPort, chain);
  return [...byPort.values()].sort((a, b) => a.targetPort - b.targetPort);
}

function ingressChains(scope: ProxyScope, ingress: readonly IstioIngressListener[]): InboundChain[] {
  const { sidecar, context } = scope;
  const hostname = sidecar ? `${sidecar.name}.${sidecar.namespace}` : '';
  return ingress.map((listener) => {
    const { number: port = 0, name = '' } = listener.port;
    const protocol = parsePortProtocol(listener.port.protocol);
    const isDefault = listener.captureMode === undefined || listener.captureMode === 'DEFAULT';
    return {
      bind: listener.bind || ownAddress(context),
      targetPort: port,
      port,
      protocol: listener.tls ? insideTls(protocol) : protocol,
      ...(listener.tls ? { tls: listener.tls } : {}),
      bindToPort: isDefault ? context.interceptionMode === 'NONE' : listener.captureMode === 'NONE',
      hostname,
      statNames: { service: { hostname, name: hostname, namespace: '', platform: '' }, port: { name, port } },
      ...serviceAt(port, scope),
      sidecar,
    };
  });
}

/** The oldest service that the proxy runs at a port: an ingress listener serves it, with its port or the application's. */
function serviceAt(port: number, { instances }: ProxyScope): Pick<InboundChain, 'service'> {
  const found = [...instances]
    .sort((a, b) => compareAge(a.service, b.service))
    .find(({ service, endpoint }) =>
      service.ports.some((one) => one.port === port || endpoint.ports[one.name] === port),
    );
  return found ? { service: named(found.service) } : {};
}

function named({ hostname, name, namespace }: Service): NonNullable<InboundChain['service']> {
  return { host: hostname, name, namespace };
}

/** Without interception the application has the ports itself: only a Sidecar can say where to listen instead. */
function serviceChains({ instances, context }: ProxyScope): InboundChain[] {
  if (context.interceptionMode === 'NONE') return [];
  return [...instances]
    .sort((a, b) => compareAge(a.service, b.service))
    .flatMap(({ service, endpoint }) =>
      service.ports.flatMap(({ name, port, protocol }) => {
        const targetPort = endpoint.ports[name];
        if (targetPort === undefined || listenerKind(protocol) === undefined) return [];
        const bind = wildcardOf(context);
        const { hostname } = service;
        return [
          {
            bind,
            targetPort,
            port,
            protocol,
            bindToPort: false,
            hostname,
            service: named(service),
            statNames: { service, port: { name, port } },
            sidecar: undefined,
          },
        ];
      }),
    );
}

/** The proxy's address as others reach it, or all of them where it has only loopback ones. */
function ownAddress(context: ProxyContext): string {
  return context.addresses.find((address) => isGlobalUnicast(address)) ?? wildcardOf(context);
}

const notUnicast = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['0.0.0.0', 32],
] as const) {
  notUnicast.addSubnet(network, bits);
}
for (const [network, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  notUnicast.addSubnet(network, bits, 'ipv6');
}

function isGlobalUnicast(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && !notUnicast.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
