// Clusters for proxyless gRPC clients, which know a part of Envoy's Cluster only (grpc.io: A27, A42, A50).
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_EdsClusterConfigSchema,
  Cluster_LbPolicy,
  Cluster_RingHashLbConfigSchema,
  ClusterSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ClusterSpec } from './cluster-spec.ts';
import { applyOutlierDetection } from './outlier-detection.ts';
import { adsSource } from './secret-config.ts';

/** The cluster of `spec` for a gRPC client; undefined when its endpoints are not found by EDS. */
export function proxylessCluster(spec: ClusterSpec): Cluster | undefined {
  if (spec.discovery !== 'EDS') return undefined;
  const { loadBalancer, outlierDetection } = spec.policy;
  const cluster = create(ClusterSchema, {
    name: spec.name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: create(Cluster_EdsClusterConfigSchema, { serviceName: spec.name, edsConfig: adsSource() }),
    // The one policy that every gRPC implementation has: LEAST_REQUEST, the default elsewhere, makes some refuse the cluster.
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
  });
  if (loadBalancer?.consistentHash !== undefined) {
    cluster.lbPolicy = Cluster_LbPolicy.RING_HASH;
    const value = create(Cluster_RingHashLbConfigSchema, { minimumRingSize: 1024n });
    cluster.lbConfig = { case: 'ringHashLbConfig', value };
  }
  applyOutlierDetection(cluster, outlierDetection);
  return cluster;
}
