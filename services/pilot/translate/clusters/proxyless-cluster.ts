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
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { ClusterSpec } from './cluster-spec.ts';
import { applyOutlierDetection } from './outlier-detection.ts';
import { adsSource } from './secret-config.ts';

/**
 * The cluster of `spec` for a gRPC client. Where names are looked up gRPC takes exactly one, the first of `assignment`;
 * undefined when there is none.
 */
export function proxylessCluster(
  spec: ClusterSpec,
  assignment: ClusterLoadAssignment | undefined,
): Cluster | undefined {
  const { loadBalancer, outlierDetection } = spec.policy;
  const cluster = create(ClusterSchema, {
    name: spec.name,
    // The one policy that every gRPC implementation has: LEAST_REQUEST, the default elsewhere, makes some refuse the cluster.
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
  });
  if (spec.discovery === 'EDS') {
    cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.EDS };
    cluster.edsClusterConfig = create(Cluster_EdsClusterConfigSchema, {
      serviceName: spec.name,
      edsConfig: adsSource(),
    });
  } else {
    const loadAssignment = firstEndpoint(assignment);
    if (loadAssignment === undefined) return undefined;
    cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.LOGICAL_DNS };
    cluster.loadAssignment = loadAssignment;
  }
  if (loadBalancer?.consistentHash !== undefined) {
    cluster.lbPolicy = Cluster_LbPolicy.RING_HASH;
    const value = create(Cluster_RingHashLbConfigSchema, { minimumRingSize: 1024n });
    cluster.lbConfig = { case: 'ringHashLbConfig', value };
  }
  applyOutlierDetection(cluster, outlierDetection);
  return cluster;
}

function firstEndpoint(assignment: ClusterLoadAssignment | undefined): ClusterLoadAssignment | undefined {
  const endpoint = assignment?.endpoints[0]?.lbEndpoints[0];
  if (assignment === undefined || endpoint === undefined) return undefined;
  return create(ClusterLoadAssignmentSchema, {
    clusterName: assignment.clusterName,
    endpoints: [{ lbEndpoints: [endpoint] }],
  });
}
