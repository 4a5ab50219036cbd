// Clusters that every proxy has: pass traffic on to where it was going, or drop it.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type BindConfig,
  BindConfigSchema,
  type SocketAddress,
  SocketAddressSchema,
} from '../../../../gen/envoy/config/core/v3/address_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { applyForwardProxy, lookUpFamily } from '../dynamic-dns.ts';
import { keepsHeaderCase } from '../listeners/header-case.ts';
import { allowAnyDynamicDnsCluster } from '../listeners/outbound-traffic.ts';
import {
  blackHoleCluster,
  inboundPassthroughCluster,
  inboundSourceAddress,
  inboundSourceAddressIpv6,
  passthroughCluster,
} from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { durationOfMs } from '../routes/duration.ts';
import { withoutPeerHeader } from '../telemetry/peer-filters.ts';
import { applyConnectionPool } from './connection-pool.ts';
import { poolWithDefaults } from './mesh-defaults.ts';
import { applyProtocolOptions } from './protocol-options.ts';
import { autoSni, strangerSocket } from './upstream-tls.ts';

/** BlackHoleCluster, PassthroughCluster and, for sidecars, InboundPassthroughCluster. */
export function fixedClusters(
  mesh: MeshConfig,
  context: Pick<ProxyContext, 'type' | 'telemetry' | 'addresses' | 'isIpv6Only'>,
): readonly Cluster[] {
  const shared = [blackHole(mesh)];
  if (context.type === 'router') return shared;
  const filters = context.telemetry === undefined ? [] : [withoutPeerHeader];
  const lookedUp = mesh.outboundTrafficPolicy === 'ALLOW_ANY_DYNAMIC_DNS' ? [dynamic(mesh, context, filters)] : [];
  return [...shared, passthrough(passthroughCluster, mesh, filters), ...lookedUp, inboundPassthrough(mesh, context)];
}

/** Inbound connections keep out of the interception rules by this source address, one for each version of IP that the proxy has. */
export function inboundBindConfig({ addresses }: Pick<ProxyContext, 'addresses'>): BindConfig {
  const hasIpv6 = addresses.some((address) => isIP(address) === 6);
  const hasIpv4 = !hasIpv6 || addresses.some((address) => isIP(address) === 4);
  const [first = inboundSourceAddress, ...others] = [
    ...(hasIpv4 ? [inboundSourceAddress] : []),
    ...(hasIpv6 ? [inboundSourceAddressIpv6] : []),
  ];
  return create(BindConfigSchema, {
    sourceAddress: anyPort(first),
    extraSourceAddresses: others.map((address) => ({ address: anyPort(address) })),
  });
}

function anyPort(address: string): SocketAddress {
  return create(SocketAddressSchema, { address, portSpecifier: { case: 'portValue', value: 0 } });
}

function blackHole(mesh: MeshConfig): Cluster {
  return create(ClusterSchema, {
    name: blackHoleCluster,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOfMs(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
  });
}

/** Istio's: each address that was ever called has connections of its own, and Envoy's hour would keep very many. */
const passthroughIdleTimeout = '300s';

/** A cluster whose endpoints its traffic names itself. */
function named(
  name: string,
  mesh: MeshConfig,
  options: { readonly filters?: readonly HttpFilter[]; readonly upstream?: ReturnType<typeof autoSni> },
): Cluster {
  const cluster = create(ClusterSchema, {
    name,
    connectTimeout: durationOfMs(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  });
  applyConnectionPool(cluster, poolWithDefaults(undefined, mesh));
  applyProtocolOptions(cluster, {
    version: 'downstream',
    keepsHeaderCase: keepsHeaderCase(mesh),
    pool: { http: { idleTimeout: passthroughIdleTimeout } },
    ...options,
  });
  return cluster;
}

function passthrough(name: string, mesh: MeshConfig, filters: readonly HttpFilter[] = []): Cluster {
  const cluster = named(name, mesh, { filters });
  cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST };
  return cluster;
}

/** Hosts that requests name, over TLS where mesh config's `outboundTrafficPolicy.tls` asks for it. */
function dynamic(
  mesh: MeshConfig,
  { isIpv6Only }: Pick<ProxyContext, 'isIpv6Only'>,
  filters: readonly HttpFilter[],
): Cluster {
  const { outboundTrafficTls: tls, tlsDefaults } = mesh;
  const cluster = named(allowAnyDynamicDnsCluster, mesh, { filters, ...(tls && { upstream: autoSni({ tls }) }) });
  const socket = tls && strangerSocket(tls, tlsDefaults);
  if (socket) cluster.transportSocket = socket;
  applyForwardProxy(cluster, lookUpFamily(isIpv6Only));
  return cluster;
}

function inboundPassthrough(mesh: MeshConfig, context: Pick<ProxyContext, 'addresses'>): Cluster {
  const cluster = passthrough(inboundPassthroughCluster, mesh);
  cluster.upstreamBindConfig = inboundBindConfig(context);
  return cluster;
}
