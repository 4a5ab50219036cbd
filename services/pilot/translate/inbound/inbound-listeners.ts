// Inbound listeners of a sidecar: one for all intercepted traffic, and one for each port that is bound for real.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection, type TransportSocket } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  type ListenerFilter,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { statPrefix } from '../clusters/stat-name.ts';
import { encodeResource } from '../encode.ts';
import { serverTlsSocket } from '../gateways/server-tls.ts';
import { bindAddress, wildcardAddress, wildcardOf } from '../listeners/address.ts';
import { connectionManagerFilter } from '../listeners/connection-manager.ts';
import {
  exceptOnPorts,
  httpInspector,
  onPorts,
  originalDestination,
  originalSource,
  plaintextHttpAlpns,
  tlsInspector,
  tlsTransport,
} from '../listeners/listener-filters.ts';
import { maxConnectionsToAcceptPerSocketEvent } from '../listeners/outbound-listener.ts';
import { tcpFilters, tcpProxyFilter, toCluster } from '../listeners/tcp-proxy.ts';
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
import { meshServerSocket } from '../security/mesh-tls.ts';
import { modeOfPort } from '../security/mutual-tls-mode.ts';
import { type WorkloadSecurity, workloadSecurity } from '../security/workload-security.ts';
import { type WorkloadTelemetry, workloadTelemetry } from '../telemetry/workload-telemetry.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { type InboundChain, inboundChains } from './inbound-chains.ts';
import { inboundRouteConfiguration } from './inbound-route.ts';
import { type InboundWay, inboundWays, serverTlsWay } from './inbound-ways.ts';

/** What all chains of a proxy have in common. */
interface Place {
  readonly mesh: MeshConfig;
  readonly security: WorkloadSecurity;
  readonly telemetry: WorkloadTelemetry;
  /** Every address of the proxy. */
  readonly wildcard: string;
}

/** The inbound listeners by name; the same map while nothing they read changes. */
export function inboundListeners({ scope, memo }: Lookups): ReadonlyMap<string, EncodedResource> {
  const { mesh } = scope.snapshot;
  const { interceptionMode, addresses } = scope.context;
  // Chains come either from the Sidecar or from instances; most proxies share neither with others.
  const source = scope.ingress && scope.sidecar ? scope.sidecar : scope.instances;
  const isEmpty = !scope.ingress && scope.instances.length === 0;
  const security = workloadSecurity({ scope, memo });
  const telemetry = workloadTelemetry({ scope, memo });
  const wildcard = wildcardOf(scope.context);
  const deps = [
    isEmpty ? undefined : source,
    mesh,
    security,
    telemetry,
    interceptionMode,
    wildcard,
    isEmpty ? '' : addresses.join(),
  ];
  return memo.get('inbound-listeners', deps, () => {
    const place = { mesh, security, telemetry, wildcard };
    const chains = inboundChains(scope);
    const listeners = chains.filter(({ bindToPort }) => bindToPort).map((chain) => boundListener(chain, place));
    if (interceptionMode !== 'NONE') {
      const captured = chains.filter(({ bindToPort }) => !bindToPort);
      listeners.unshift(virtualInbound(captured, place, interceptionMode === 'TPROXY'));
    }
    return new Map(
      listeners.map((one) => [one.name, encodeResource(typeUrls.listener, one.name, ListenerSchema, one)]),
    );
  });
}

function boundListener(chain: InboundChain, place: Place): Listener {
  const { bind, targetPort } = chain;
  const filterChains = chainsOf(chain, place);
  return create(ListenerSchema, {
    ...common(filterChains, place),
    name: listenerName(bind, targetPort),
    address: bindAddress(bind, targetPort),
    listenerFilters: inspectors(filterChains),
  });
}

/** All traffic that comes in by interception: a chain for each port, and chains for ports that no service has. */
function virtualInbound(chains: readonly InboundChain[], place: Place, isTransparent: boolean): Listener {
  const others = [unknownPorts, ...policyPorts(chains, place.security)];
  const filterChains = [blackhole(), ...[...others, ...chains].flatMap((one) => chainsOf(one, place))];
  return create(ListenerSchema, {
    ...common(filterChains, place),
    name: virtualInboundListener,
    address: bindAddress(place.wildcard, virtualInboundPort),
    listenerFilters: [originalDestination(), ...(isTransparent ? [originalSource()] : []), ...inspectors(filterChains)],
    ...(isTransparent ? { transparent: true } : {}),
  });
}

function common(filterChains: FilterChain[], { mesh, telemetry }: Place) {
  return {
    filterChains,
    trafficDirection: TrafficDirection.INBOUND,
    accessLog: telemetry.listenerLogs('SERVER'),
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
  statNames: {
    service: { hostname: '', name: '', namespace: '', platform: '' },
    port: { name: virtualInboundListener, port: 0 },
  },
  sidecar: undefined,
};

/** Ports that no service has and a PeerAuthentication names: they must not get the mode of the other unknown ones. */
function policyPorts(chains: readonly InboundChain[], { modes }: WorkloadSecurity): readonly InboundChain[] {
  return [...modes.ports.keys()]
    .filter((port) => chains.every(({ targetPort }) => targetPort !== port) && port !== virtualInboundPort)
    .sort((a, b) => a - b)
    .map((port) => ({ ...unknownPorts, matchPort: port }));
}

/** A port's chains: for each way in which it may be spoken to, see inbound-ways.ts. */
function chainsOf(chain: InboundChain, place: Place): FilterChain[] {
  const { security } = place;
  const port = chain.matchPort ?? chain.targetPort;
  const kind = listenerKind(chain.protocol);
  const mode = modeOfPort(security.modes, port);
  const serverTls = chain.tls ? serverTlsWay(kind, mode, security.hasIdentity) : undefined;
  const ways = serverTls ? [serverTls] : inboundWays(kind, mode, security.hasIdentity);
  if (ways === 'refused') return [refusingChain(chain)];
  return ways.map((way) => (way.isHttp ? httpChain(chain, way, place) : tcpChain(chain, way, place)));
}

/** Drops every connection: the port takes mutual TLS only, and the workload has nothing to speak it with. */
function refusingChain(chain: InboundChain): FilterChain {
  const filter = tcpProxyFilter(toCluster(blackHoleCluster), undefined);
  const way = { isHttp: false, isMeshTls: false, transportProtocol: '', applicationProtocols: [] };
  return filterChain(chain, way, { name: tcpChainName(chain), filters: [filter] });
}

function httpChain(chain: InboundChain, way: InboundWay, { mesh, security, telemetry }: Place): FilterChain {
  const cluster = clusterOf(chain);
  const name = chain.targetPort === 0 ? `${virtualInboundListener}-catchall-http` : chainName(chain);
  const filter = connectionManagerFilter({
    class: 'sidecar-inbound',
    statPrefix: chain.targetPort === 0 ? cluster : `inbound_${chainName(chain)}`,
    protocol: chain.protocol,
    mesh,
    telemetry,
    place: reportOf(chain, way),
    routes: { inline: inboundRouteConfiguration(chain, cluster) },
    securityFilters: security.httpFilters,
    denialReplies: security.denialReplies,
    reportLogs: security.reportLogs,
  });
  return filterChain(chain, way, {
    name,
    filters: [...(way.isMeshTls ? security.banFilters : []), filter],
    ...socketOf({ chain, way, mesh, security }),
  });
}

function tcpChain(chain: InboundChain, way: InboundWay, { mesh, security, telemetry }: Place): FilterChain {
  const place = { ...reportOf(chain, way), side: 'SERVER' as const };
  const report = { telemetry, mesh, place, reportLogs: security.tcpReportLogs };
  const bans = way.isMeshTls ? security.banFilters : [];
  const target = { ...toCluster(clusterOf(chain)), ...statPrefixOf(chain, mesh) };
  const filters = [...bans, ...security.networkFilters, ...tcpFilters(target, report, chain.protocol)];
  return filterChain(chain, way, { name: tcpChainName(chain), filters, ...socketOf({ chain, way, mesh, security }) });
}

/** The mesh's name for statistics of connections, where it has one; else the cluster's. */
function statPrefixOf({ statNames, targetPort }: InboundChain, { inboundClusterStatName: pattern }: MeshConfig) {
  return pattern ? { statPrefix: statPrefix(pattern, { ...statNames, subset: '', targetPort }) } : {};
}

/** The transport socket of a chain on which TLS ends: the mesh's, or the ingress listener's own. */
function socketOf({
  chain,
  way,
  mesh,
  security,
}: {
  readonly chain: InboundChain;
  readonly way: InboundWay;
  readonly mesh: MeshConfig;
  readonly security: WorkloadSecurity;
}) {
  if (way.isMeshTls) return { socket: meshServerSocket(mesh, { ...way, federation: security.federation }) };
  if (!way.isServerTls || chain.tls === undefined) return {};
  return { socket: serverTlsSocket(chain.tls, { isHttp: way.isHttp, mesh }) };
}

/** What reports of the chain's traffic say of it. */
function reportOf({ service }: InboundChain, { isMeshTls }: InboundWay) {
  return { ...(service ? { service } : {}), isMutualTls: isMeshTls };
}

function tcpChainName(chain: InboundChain): string {
  return chain.targetPort === 0 ? virtualInboundListener : chainName(chain);
}

function filterChain(
  chain: InboundChain,
  { transportProtocol, applicationProtocols }: InboundWay,
  options: { readonly name: string; readonly filters: readonly Filter[]; readonly socket?: TransportSocket },
): FilterChain {
  const { targetPort, sidecar } = chain;
  const port = chain.matchPort ?? targetPort;
  return create(FilterChainSchema, {
    name: options.name,
    filterChainMatch: {
      transportProtocol,
      applicationProtocols: [...applicationProtocols],
      ...(port > 0 ? { destinationPort: port } : {}),
    },
    filters: [...options.filters],
    ...(options.socket ? { transportSocket: options.socket } : {}),
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
