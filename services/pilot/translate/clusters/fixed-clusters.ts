// Clusters that every proxy has: pass traffic on to where it was going, or drop it.
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
  SocketAddressSchema,
} from '../../../../gen/envoy/config/core/v3/address_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { keepsHeaderCase } from '../listeners/header-case.ts';
import { blackHoleCluster, inboundPassthroughCluster, inboundSourceAddress, passthroughCluster } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { durationOfMs } from '../routes/duration.ts';
import { withoutPeerHeader } from '../telemetry/peer-filters.ts';
import { applyConnectionPool } from './connection-pool.ts';
import { applyProtocolOptions } from './protocol-options.ts';

/** BlackHoleCluster, PassthroughCluster and, for sidecars, InboundPassthroughCluster. */
export function fixedClusters(mesh: MeshConfig, context: Pick<ProxyContext, 'type' | 'telemetry'>): readonly Cluster[] {
  const shared = [blackHole(mesh)];
  if (context.type === 'router') return shared;
  const filters = context.telemetry === undefined ? [] : [withoutPeerHeader];
  return [...shared, passthrough(passthroughCluster, mesh, filters), inboundPassthrough(mesh)];
}

/** Inbound connections keep out of the interception rules by this source address. */
export function inboundBindConfig(): BindConfig {
  return create(BindConfigSchema, {
    sourceAddress: create(SocketAddressSchema, {
      address: inboundSourceAddress,
      portSpecifier: { case: 'portValue', value: 0 },
    }),
  });
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

function passthrough(name: string, mesh: MeshConfig, filters: readonly HttpFilter[] = []): Cluster {
  const cluster = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    connectTimeout: durationOfMs(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  });
  applyConnectionPool(cluster, undefined);
  applyProtocolOptions(cluster, {
    version: 'downstream',
    filters,
    keepsHeaderCase: keepsHeaderCase(mesh),
    pool: { http: { idleTimeout: passthroughIdleTimeout } },
  });
  return cluster;
}

function inboundPassthrough(mesh: MeshConfig): Cluster {
  const cluster = passthrough(inboundPassthroughCluster, mesh);
  cluster.upstreamBindConfig = inboundBindConfig();
  return cluster;
}
