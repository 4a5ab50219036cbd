// Inbound listeners of a sidecar: one for all intercepted traffic, and one for each port that is bound for real.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type FilterChain,
  FilterChainSchema,
  type ListenerFilter,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { encodeResource } from '../encode.ts';
import { listenerAccessLogs } from '../listeners/access-log.ts';
import { bindAddress, wildcardAddress } from '../listeners/address.ts';
import { connectionManagerFilter } from '../listeners/connection-manager.ts';
import {
  exceptOnPorts,
  httpInspector,
  onPorts,
  originalDestination,
  originalSource,
  plaintextHttpAlpns,
  rawBuffer,
  tlsInspector,
  tlsTransport,
} from '../listeners/listener-filters.ts';
import { maxConnectionsToAcceptPerSocketEvent } from '../listeners/outbound-listener.ts';
import { tcpProxyFilter, toCluster } from '../listeners/tcp-proxy.ts';
import {
  blackHoleCluster,
  inboundClusterName,
  inboundPassthroughCluster,
  listenerName,
  virtualInboundListener,
  virtualInboundPort,
} from '../names.ts';
import { configMetadata } from '../routes/config-metadata.ts';
import { durationOfMs } from '../routes/duration.ts';
import type { Lookups } from '../routes/lookups.ts';
import { listenerKind } from '../routes/protocol.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { type InboundChain, inboundChains } from './inbound-chains.ts';
import { inboundRouteConfiguration } from './inbound-route.ts';

/** The inbound listeners by name; the same map while nothing they read changes. */
export function inboundListeners({ scope, memo }: Lookups): ReadonlyMap<string, EncodedResource> {
  const { mesh } = scope.snapshot;
  const { interceptionMode, addresses } = scope.context;
  // Chains come either from the Sidecar or from instances; most proxies share neither with others.
  const source = scope.ingress && scope.sidecar ? scope.sidecar : scope.instances;
  const isEmpty = !scope.ingress && scope.instances.length === 0;
  const deps = [isEmpty ? undefined : source, mesh, interceptionMode, isEmpty ? '' : addresses.join()];
  return memo.get('inbound-listeners', deps, () => {
    const chains = inboundChains(scope);
    const listeners = chains.filter(({ bindToPort }) => bindToPort).map((chain) => boundListener(chain, mesh));
    if (interceptionMode !== 'NONE') {
      const captured = chains.filter(({ bindToPort }) => !bindToPort);
      listeners.unshift(virtualInbound(captured, mesh, interceptionMode === 'TPROXY'));
    }
    return new Map(
      listeners.map((one) => [one.name, encodeResource(typeUrls.listener, one.name, ListenerSchema, one)]),
    );
  });
}

function boundListener(chain: InboundChain, mesh: MeshConfig): Listener {
  const { bind, targetPort } = chain;
  const filterChains = chainsOf(chain, mesh);
  return create(ListenerSchema, {
    ...common(filterChains, mesh),
    name: listenerName(bind, targetPort),
    address: bindAddress(bind, targetPort),
    listenerFilters: inspectors(filterChains),
  });
}

/** All traffic that comes in by interception: a chain for each port, and chains for ports that no service has. */
function virtualInbound(chains: readonly InboundChain[], mesh: MeshConfig, isTransparent: boolean): Listener {
  const filterChains = [blackhole(), ...chainsOf(unknownPorts, mesh), ...chains.flatMap((one) => chainsOf(one, mesh))];
  return create(ListenerSchema, {
    ...common(filterChains, mesh),
    name: virtualInboundListener,
    address: bindAddress(wildcardAddress, virtualInboundPort),
    listenerFilters: [originalDestination(), ...(isTransparent ? [originalSource()] : []), ...inspectors(filterChains)],
    ...(isTransparent ? { transparent: true } : {}),
  });
}

function common(filterChains: FilterChain[], mesh: MeshConfig) {
  return {
    filterChains,
    trafficDirection: TrafficDirection.INBOUND,
    accessLog: listenerAccessLogs(mesh),
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: durationOfMs(mesh.protocolDetectionTimeoutMs),
    maxConnectionsToAcceptPerSocketEvent,
  };
}

/** Traffic to ports that no service names: on to the application as it is. */
const unknownPorts: InboundChain = {
  bind: wildcardAddress,
  targetPort: 0,
  port: 0,
  protocol: 'Unsupported',
  bindToPort: false,
  hostname: '',
  sidecar: undefined,
};

/** A port's chains: one of its protocol, or one for plain HTTP and one for the rest where the protocol is detected. */
function chainsOf(chain: InboundChain, mesh: MeshConfig): FilterChain[] {
  const kind = listenerKind(chain.protocol);
  if (kind === 'auto') return [httpChain(chain, mesh, plaintextHttpAlpns), tcpChain(chain, mesh)];
  return [kind === 'http' ? httpChain(chain, mesh, []) : tcpChain(chain, mesh)];
}

function httpChain(chain: InboundChain, mesh: MeshConfig, applicationProtocols: readonly string[]): FilterChain {
  const cluster = clusterOf(chain);
  const name = chain.targetPort === 0 ? `${virtualInboundListener}-catchall-http` : chainName(chain);
  const filter = connectionManagerFilter({
    class: 'sidecar-inbound',
    statPrefix: chain.targetPort === 0 ? cluster : `inbound_${chainName(chain)}`,
    protocol: chain.protocol,
    mesh,
    routes: { inline: inboundRouteConfiguration(chain, cluster) },
  });
  return filterChain(chain, { name, filter, applicationProtocols });
}

function tcpChain(chain: InboundChain, mesh: MeshConfig): FilterChain {
  const name = chain.targetPort === 0 ? virtualInboundListener : chainName(chain);
  const filter = tcpProxyFilter(toCluster(clusterOf(chain)), mesh);
  return filterChain(chain, { name, filter, applicationProtocols: [] });
}

function filterChain(
  chain: InboundChain,
  options: {
    readonly name: string;
    readonly filter: FilterChain['filters'][number];
    readonly applicationProtocols: readonly string[];
  },
): FilterChain {
  const { targetPort, sidecar } = chain;
  return create(FilterChainSchema, {
    name: options.name,
    filterChainMatch: {
      transportProtocol: rawBuffer,
      applicationProtocols: [...options.applicationProtocols],
      ...(targetPort > 0 ? { destinationPort: targetPort } : {}),
    },
    filters: [options.filter],
    ...(sidecar ? { metadata: configMetadata(sidecar) } : {}),
  });
}

/** A connection to the listener's own port would be handed to itself for ever. */
function blackhole(): FilterChain {
  return create(FilterChainSchema, {
    name: `${virtualInboundListener}-blackhole`,
    filterChainMatch: { destinationPort: virtualInboundPort },
    filters: [tcpProxyFilter(toCluster(blackHoleCluster), undefined)],
  });
}

function chainName({ bind, targetPort }: InboundChain): string {
  return listenerName(bind, targetPort);
}

function clusterOf({ targetPort }: InboundChain): string {
  return targetPort === 0 ? inboundPassthroughCluster : inboundClusterName(targetPort);
}

/** Inspectors for the ports whose chains ask for what they find out; elsewhere servers may speak first. */
function inspectors(chains: readonly FilterChain[]): ListenerFilter[] {
  const ports = new Map<number, { tls: boolean; http: boolean }>();
  for (const { filterChainMatch: match } of chains) {
    const port = match?.destinationPort ?? 0;
    const known = ports.get(port) ?? { tls: false, http: false };
    ports.set(port, {
      tls: known.tls || match?.transportProtocol === tlsTransport,
      http: known.http || (match?.applicationProtocols ?? []).some((name) => plaintextHttpAlpns.includes(name)),
    });
  }
  const portsWith = (kind: 'tls' | 'http', wanted: boolean) =>
    [...ports].filter(([, found]) => found[kind] === wanted).map(([port]) => port);
  const filters: ListenerFilter[] = [];
  if (portsWith('tls', true).length > 0) {
    const isDefault = ports.get(0)?.tls ?? false;
    const listed = portsWith('tls', !isDefault).filter((port) => port !== 0);
    filters.push(tlsInspector(isDefault ? onPorts(listed) : exceptOnPorts(listed)));
  }
  if (portsWith('http', true).length > 0) filters.push(httpInspector(onPorts(portsWith('http', false))));
  return filters;
}
