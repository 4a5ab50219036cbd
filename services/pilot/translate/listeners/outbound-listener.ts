// Outbound listeners as Envoy messages: filter chains with their matches, inspectors where something must be detected.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { isLookedUp, type NameLookUps, sniLookUpFilter } from '../dynamic-dns.ts';
import { encodeResource } from '../encode.ts';
import type { Memo } from '../memo.ts';
import { blackHoleCluster, virtualOutboundListener, virtualOutboundPort } from '../names.ts';
import { configMetadata } from '../routes/config-metadata.ts';
import { durationOfMs } from '../routes/duration.ts';
import { catchAllVirtualHost, forwardedHeaders } from '../routes/virtual-host.ts';
import type { WorkloadTelemetry } from '../telemetry/workload-telemetry.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { bindAddress, cidrRange } from './address.ts';
import { connectionManagerFilter } from './connection-manager.ts';
import type { L4Chain } from './l4-chains.ts';
import { httpInspector, plaintextHttpAlpns, rawBuffer, tlsInspector } from './listener-filters.ts';
import type { HttpChain, OutboundEntry } from './outbound-plan.ts';
import { type TcpReport, tcpFilters, tcpProxyFilter, toCluster } from './tcp-proxy.ts';

/** Bounds the time a TLS handshake may take, so that slow clients can't pile up (Istio's default). */
export const transportSocketConnectTimeoutMs = 15_000;
/** One connection a wake-up spreads connections over Envoy's workers (Istio's default). */
export const maxConnectionsToAcceptPerSocketEvent = 1;

/** What all outbound listeners of a proxy share. */
export interface OutboundOptions {
  readonly mesh: MeshConfig;
  readonly telemetry: WorkloadTelemetry;
  /** Cluster of traffic for no service of the registry; undefined: dropped. */
  readonly unknownCluster: string | undefined;
  /** Cluster of HTTP requests for no service, where it is another. */
  readonly unknownRequests: string | undefined;
  readonly nameLookUps: NameLookUps;
}

/** A listener of the plan, encoded once for all proxies that have the same. */
export function encodeOutbound(entry: OutboundEntry, options: OutboundOptions, memo: Memo): EncodedResource {
  const l4 = entry.chains.filter((chain) => chain.kind === 'l4');
  const objects = l4.flatMap(({ owner, target }) => [owner, target.rule]);
  const content = `${entry.name} ${entry.bindToPort} ${entry.chains.map(chainContent).join()}`;
  return memo.get(
    'outbound-listener',
    [options.mesh, options.telemetry, ...objects, content, options.unknownCluster, options.nameLookUps],
    () => encodeResource(typeUrls.listener, entry.name, ListenerSchema, outboundListener(entry, options)),
  );
}

/** All of a chain but the objects that it was made from, as text. */
function chainContent(chain: HttpChain | L4Chain): string {
  if (chain.kind === 'http') return `${chain.rds.name} ${chain.protocol} ${chain.isDetected}`;
  const { statPrefix, clusters, subset } = chain.target;
  const weighted = clusters.map(({ name, weight }) => `${name} ${weight}`).join();
  return `${chain.protocol}|${chain.sniHosts.join()}|${chain.cidrs.join()}|${statPrefix}|${weighted}|${subset}`;
}

/** See `encodeOutbound`. */
export function outboundListener(entry: OutboundEntry, options: OutboundOptions): Listener {
  const chains: FilterChain[] = [];
  let fallback: FilterChain | undefined;
  for (const chain of entry.chains) {
    const message = filterChain(chain, entry, options);
    // A connection that meets no chain's match would be reset: the chain without a match is the default one.
    if (message.filterChainMatch === undefined) fallback = message;
    else chains.push(message);
  }
  const isAlone = chains.length === 0 && fallback !== undefined;
  return create(ListenerSchema, {
    name: entry.name,
    address: bindAddress(entry.bind, entry.port),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: isAlone && fallback ? [fallback] : chains,
    ...(isAlone ? {} : { defaultFilterChain: fallback ?? passthroughChain(options) }),
    ...inspection(entry, options.mesh),
    continueOnListenerFiltersTimeout: true,
    ...(entry.bindToPort ? { maxConnectionsToAcceptPerSocketEvent } : { bindToPort: false }),
  });
}

/** The listener that intercepted outbound connections arrive at; it hands each to the listener of its original destination. */
export function virtualOutbound(
  options: OutboundOptions & { readonly bind: string; readonly isTransparent: boolean },
): Listener {
  const { telemetry, unknownCluster = blackHoleCluster, isTransparent } = options;
  return create(ListenerSchema, {
    name: virtualOutboundListener,
    address: bindAddress(options.bind, virtualOutboundPort),
    useOriginalDst: true,
    trafficDirection: TrafficDirection.OUTBOUND,
    maxConnectionsToAcceptPerSocketEvent,
    accessLog: telemetry.listenerLogs('CLIENT'),
    filterChains: [
      {
        // A connection to the port itself would be handed to itself for ever.
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: virtualOutboundPort },
        filters: [tcpProxyFilter(toCluster(blackHoleCluster), undefined)],
      },
      ...unknownHttpChain(options),
      {
        name: 'virtualOutbound-catchall-tcp',
        filters: [tcpProxyFilter(toCluster(unknownCluster), clientReport(options))],
      },
    ],
    // What is HTTP goes to the host that it names.
    ...(hasUnknownHttp(options) ? { listenerFilters: [httpInspector()] } : {}),
    ...(isTransparent ? { transparent: true } : {}),
  });
}

/** Whether HTTP to addresses of no service goes elsewhere than other bytes. */
function hasUnknownHttp({
  unknownCluster,
  unknownRequests,
}: Pick<OutboundOptions, 'unknownCluster' | 'unknownRequests'>) {
  return unknownRequests !== unknownCluster;
}

/** HTTP requests to addresses of no service, where their hosts are looked up (Istio's ALLOW_ANY_DYNAMIC_DNS). */
function unknownHttpChain({
  mesh,
  telemetry,
  unknownCluster,
  unknownRequests,
  nameLookUps,
}: OutboundOptions): FilterChain[] {
  if (!hasUnknownHttp({ unknownCluster, unknownRequests })) return [];
  const host = catchAllVirtualHost(unknownRequests, forwardedHeaders(mesh));
  const { name } = host;
  const filter = connectionManagerFilter({
    class: 'sidecar-outbound',
    statPrefix: `outbound_${virtualOutboundListener}_${name}`,
    protocol: 'HTTP',
    mesh,
    telemetry,
    nameLookUps,
    routes: {
      inline: create(RouteConfigurationSchema, {
        name,
        virtualHosts: [host],
        validateClusters: false,
        ignorePortInHostMatching: true,
      }),
    },
  });
  return [
    create(FilterChainSchema, {
      name: 'virtualOutbound-catchall-tcp-http',
      filterChainMatch: { applicationProtocols: [...plaintextHttpAlpns] },
      filters: [filter],
    }),
  ];
}

function clientReport({ telemetry, mesh }: OutboundOptions): TcpReport {
  return { telemetry, mesh, place: { side: 'CLIENT' } };
}

function filterChain(chain: HttpChain | L4Chain, entry: OutboundEntry, options: OutboundOptions): FilterChain {
  const { mesh, telemetry } = options;
  const match = chainMatch(chain);
  const filters =
    chain.kind === 'l4'
      ? [...sniLookUp(chain, entry, options), ...tcpFilters(chain.target, clientReport(options), chain.protocol)]
      : [
          connectionManagerFilter({
            class: 'sidecar-outbound',
            statPrefix: `outbound_${entry.name}`,
            protocol: chain.protocol,
            mesh,
            telemetry,
            nameLookUps: options.nameLookUps,
            routes: { rdsName: chain.rds.name },
          }),
        ];
  return create(FilterChainSchema, {
    filters,
    transportSocketConnectTimeout: durationOfMs(transportSocketConnectTimeoutMs),
    ...(match ? { filterChainMatch: match } : {}),
    ...(chain.kind === 'l4' && 'kind' in chain.owner ? { metadata: configMetadata(chain.owner) } : {}),
  });
}

/** The host that a client of a DYNAMIC_DNS service names is looked up before its bytes go there. */
function sniLookUp({ owner }: L4Chain, { port }: OutboundEntry, { nameLookUps }: OutboundOptions) {
  return nameLookUps !== undefined && isDynamic(owner) ? [sniLookUpFilter(nameLookUps, port)] : [];
}

function isDynamic(owner: L4Chain['owner']): boolean {
  return !('kind' in owner) && isLookedUp(owner);
}

/** Undefined for a chain that takes everything. */
function chainMatch(chain: HttpChain | L4Chain): FilterChainMatch | undefined {
  if (chain.kind === 'http') {
    if (!chain.isDetected) return undefined;
    return create(FilterChainMatchSchema, { applicationProtocols: plaintextHttpAlpns, transportProtocol: rawBuffer });
  }
  const serverNames = chain.sniHosts.includes('*') ? [] : [...chain.sniHosts].sort();
  const prefixRanges = [...chain.cidrs]
    .sort()
    .map(cidrRange)
    .filter((range) => range !== undefined);
  if (serverNames.length === 0 && prefixRanges.length === 0) return undefined;
  return create(FilterChainMatchSchema, { serverNames, prefixRanges });
}

function passthroughChain(options: OutboundOptions): FilterChain {
  const { unknownCluster = blackHoleCluster } = options;
  return create(FilterChainSchema, {
    name: 'PassthroughFilterChain',
    filterChainMatch: {},
    filters: [tcpProxyFilter(toCluster(unknownCluster), clientReport(options))],
  });
}

function inspection(entry: OutboundEntry, mesh: MeshConfig) {
  const needsTls = entry.chains.some(
    (chain) => chain.kind === 'l4' && (chain.sniHosts.length > 0 || isDynamic(chain.owner)),
  );
  const needsHttp = entry.chains.some((chain) => chain.kind === 'http' && chain.isDetected);
  return {
    listenerFilters: [...(needsTls ? [tlsInspector()] : []), ...(needsHttp ? [httpInspector()] : [])],
    // Protocols where the server speaks first must never run into a timeout of their own.
    listenerFiltersTimeout: durationOfMs(needsHttp ? mesh.protocolDetectionTimeoutMs : 0),
  };
}
