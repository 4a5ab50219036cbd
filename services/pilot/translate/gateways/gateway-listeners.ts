// Listeners of a gateway: one a port, with a chain for each TLS server or SNI host.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import {
  type FilterChain,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { type NameLookUps, nameLookUps } from '../dynamic-dns.ts';
import { encodeResource } from '../encode.ts';
import { bindAddress, wildcardOf } from '../listeners/address.ts';
import { connectionManagerFilter } from '../listeners/connection-manager.ts';
import { listenerBufferLimit } from '../listeners/connection-settings.ts';
import { proxyProtocol, rawBuffer, tlsInspector } from '../listeners/listener-filters.ts';
import {
  maxConnectionsToAcceptPerSocketEvent,
  transportSocketConnectTimeoutMs,
} from '../listeners/outbound-listener.ts';
import { tcpFilters } from '../listeners/tcp-proxy.ts';
import { listenerName } from '../names.ts';
import { durationOfMs } from '../routes/duration.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isHttp } from '../routes/protocol.ts';
import { type WorkloadSecurity, workloadSecurity } from '../security/workload-security.ts';
import { type WorkloadTelemetry, workloadTelemetry } from '../telemetry/workload-telemetry.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { gatewayL4Chains } from './gateway-l4.ts';
import { type GatewayPort, type GatewayServer, isPassthrough, mergedGateways } from './merge-gateways.ts';
import { serverTlsSocket } from './server-tls.ts';

/** What all listeners of a gateway have in common. */
interface Place {
  readonly mesh: MeshConfig;
  readonly security: WorkloadSecurity;
  readonly telemetry: WorkloadTelemetry;
  readonly nameLookUps: NameLookUps;
  /** Every address of the gateway. */
  readonly wildcard: string;
}

/** The listeners by name; a port without any chain has none. */
export function gatewayListeners(lookups: Lookups): ReadonlyMap<string, EncodedResource> {
  const { memo } = lookups;
  const { context, snapshot } = lookups.scope;
  const { mesh } = snapshot;
  // Istio's name for a pod that may not listen there.
  const isUnprivileged = context.metadata?.UNPRIVILEGED_POD === 'true';
  const security = workloadSecurity(lookups);
  const telemetry = workloadTelemetry(lookups);
  const lookUps = nameLookUps(lookups.scope, memo);
  const wildcard = wildcardOf(context);
  const merged = mergedGateways(lookups);
  const encoded = merged.ports.flatMap((port) => {
    if (isUnprivileged && port.port < firstUnprivilegedPort) return [];
    const l4 = port.servers.map((server) => gatewayL4Chains(server, lookups));
    const content = JSON.stringify(l4, (key, value) => (key === 'owner' || key === 'rule' ? undefined : value));
    const objects = l4.flat().flatMap(({ owner, target }) => [owner, target.rule]);
    const resource = memo.get(
      'gateway-listener',
      [port, mesh, security, telemetry, ...objects, content, lookUps, wildcard],
      () => {
        const listener = gatewayListener(port, l4, { mesh, security, telemetry, nameLookUps: lookUps, wildcard });
        return listener && encodeResource(typeUrls.listener, listener.name, ListenerSchema, listener);
      },
    );
    return resource ?? [];
  });
  const listeners = memo.stable('gateway-listeners', merged, encoded);
  return memo.get('gateway-listeners', [listeners], () => new Map(listeners.map((one) => [one.name, one])));
}

/** Lower ones are for root alone. */
const firstUnprivilegedPort = 1024;

function gatewayListener(
  port: GatewayPort,
  l4: readonly ReturnType<typeof gatewayL4Chains>[],
  place: Place,
): Listener | undefined {
  const bind = port.bind || place.wildcard;
  const name = listenerName(bind, port.port);
  const firstPlain = port.servers.find(({ protocol }) => isHttp(protocol));
  const all = port.servers.flatMap((server, index) => {
    if (isHttp(server.protocol) && server !== firstPlain) return [];
    const isTls = server.server.tls !== undefined && !isHttp(server.protocol);
    const chains =
      server.routeName === '' ? l4Chains(server, l4[index] ?? [], place) : [httpChain(server, name, place)];
    return chains.map((chain) => ({ chain, isTls }));
  });
  // A chain for TLS of any name has no match: its server tells it from one for plaintext.
  const needsSni = all.some(({ isTls }) => isTls);
  const filterChains = withoutOverlaps(
    all.map(({ chain, isTls }) => (needsSni && !isTls ? forPlaintext(chain) : chain)),
  );
  if (filterChains.length === 0) return undefined;
  const bufferLimit = listenerBufferLimit(place.mesh);
  return create(ListenerSchema, {
    name,
    address: bindAddress(bind, port.port),
    trafficDirection: TrafficDirection.OUTBOUND,
    accessLog: place.telemetry.listenerLogs('CLIENT'),
    listenerFilters: [
      // Before anything else: what follows it is the client's own.
      ...(place.mesh.gatewayTopology?.proxyProtocol ? [proxyProtocol()] : []),
      ...(needsSni ? [tlsInspector()] : []),
    ],
    filterChains,
    maxConnectionsToAcceptPerSocketEvent,
    ...(bufferLimit === undefined ? {} : { perConnectionBufferLimitBytes: bufferLimit }),
  });
}

/** Beside chains for TLS the one without gets nothing that is TLS, whatever its name. */
function forPlaintext(chain: FilterChain): FilterChain {
  return create(FilterChainSchema, {
    ...chain,
    filterChainMatch: create(FilterChainMatchSchema, { transportProtocol: rawBuffer }),
  });
}

/** Envoy rejects a listener where one name leads to two chains: the first keeps it. */
function withoutOverlaps(chains: readonly FilterChain[]): FilterChain[] {
  const taken = new Set<string>();
  return chains.filter(({ filterChainMatch: match }) => {
    const names = match?.serverNames.length ? match.serverNames : ['*'];
    const other = `${match?.transportProtocol ?? ''} ${match?.applicationProtocols.join() ?? ''}`;
    const keys = names.map((name) => `${other} ${name}`);
    if (keys.some((key) => taken.has(key))) return false;
    for (const key of keys) taken.add(key);
    return true;
  });
}

function httpChain(
  { server, protocol, routeName, sniHosts }: GatewayServer,
  name: string,
  { mesh, security, telemetry, nameLookUps: lookUps }: Place,
): FilterChain {
  const isPlain = isHttp(protocol);
  const filter = connectionManagerFilter({
    class: 'gateway',
    statPrefix: isPlain || !server.name ? `outbound_${name}` : server.name,
    protocol,
    mesh,
    telemetry,
    nameLookUps: lookUps,
    routes: { rdsName: routeName },
    securityFilters: security.httpFilters,
    denialReplies: security.denialReplies,
    reportLogs: security.reportLogs,
  });
  return create(FilterChainSchema, {
    ...chainBase(isPlain ? [] : sniHosts),
    filters: [...(isPlain ? [] : bansOf(server, security)), filter],
    ...(isPlain || server.tls === undefined
      ? {}
      : { transportSocket: serverTlsSocket(server.tls, { isHttp: true, mesh }) }),
  });
}

function l4Chains(
  placed: GatewayServer,
  chains: ReturnType<typeof gatewayL4Chains>,
  { mesh, security, telemetry }: Place,
): FilterChain[] {
  const { server } = placed;
  const socket =
    server.tls === undefined || isPassthrough(server)
      ? undefined
      : serverTlsSocket(server.tls, { isHttp: false, mesh });
  const report = { telemetry, mesh, place: { side: 'CLIENT' as const }, reportLogs: security.tcpReportLogs };
  return chains.map(({ sniHosts, applicationProtocols, target }) =>
    create(FilterChainSchema, {
      ...chainBase(sniHosts, applicationProtocols),
      filters: [
        ...bansOf(server, security),
        // Who may pass is for the destination to say: here nothing is known of the caller.
        ...(server.tls?.mode === 'AUTO_PASSTHROUGH' ? security.ownNetworkFilters : security.networkFilters),
        ...tcpFilters(target, report, placed.protocol),
      ],
      ...(socket ? { transportSocket: socket } : {}),
    }),
  );
}

/** Where a gateway takes certificates of the mesh, banned ones are refused as a sidecar does. */
function bansOf({ tls }: GatewayServer['server'], { banFilters }: WorkloadSecurity): readonly Filter[] {
  return tls?.mode === 'ISTIO_MUTUAL' ? banFilters : [];
}

function chainBase(sniHosts: readonly string[], applicationProtocols: readonly string[] = []) {
  const serverNames = sniHosts.includes('*') ? [] : [...sniHosts].sort();
  const matches = serverNames.length > 0 || applicationProtocols.length > 0;
  return {
    transportSocketConnectTimeout: durationOfMs(transportSocketConnectTimeoutMs),
    ...(matches ? { filterChainMatch: { serverNames, applicationProtocols: [...applicationProtocols] } } : {}),
  };
}
