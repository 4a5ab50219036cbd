// One outbound cluster: a port of a service, or a subset of it, with everything its DestinationRule says.
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_EdsClusterConfigSchema,
  ClusterSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ClusterLoadAssignment } from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { durationOfMs } from '../routes/duration.ts';
import { isHttp2 } from '../routes/protocol.ts';
import { clusterMetadata } from './cluster-metadata.ts';
import type { ClusterSpec } from './cluster-spec.ts';
import { applyConnectionPool } from './connection-pool.ts';
import { applyLoadBalancer } from './load-balancing.ts';
import { applyOutlierDetection } from './outlier-detection.ts';
import { applyProtocolOptions, upstreamHttpVersion } from './protocol-options.ts';
import { adsSource } from './secret-config.ts';
import { autoSni, transportSocket } from './upstream-tls.ts';

/** Istio's default of `dnsRefreshRate`: records' own TTLs are honoured where they have one. */
const dnsRefreshMs = 60_000;

/** What a cluster depends on besides its spec. */
export interface OutboundClusterOptions {
  readonly mesh: MeshConfig;
  readonly isRouter: boolean;
  /** For clusters whose endpoints are names that Envoy resolves. */
  readonly loadAssignment: ClusterLoadAssignment | undefined;
}

/** The cluster of `spec`; undefined for a DNS cluster without endpoints, which Envoy would reject. */
export function outboundCluster(spec: ClusterSpec, options: OutboundClusterOptions): Cluster | undefined {
  const { policy, port, rule, service, subset } = spec;
  const { mesh, isRouter } = options;
  const cluster = create(ClusterSchema, { name: spec.name, connectTimeout: durationOfMs(mesh.connectTimeoutMs) });
  if (!applyDiscovery(cluster, spec, options.loadAssignment)) return undefined;
  applyConnectionPool(cluster, policy.connectionPool, policy.retryBudget);
  applyOutlierDetection(cluster, policy.outlierDetection);
  applyLoadBalancer(cluster, policy.loadBalancer, { protocol: port.protocol, mesh });
  const version = upstreamHttpVersion({
    isHttp2Port: isHttp2(port.protocol),
    // A gateway knows the protocol: its listener says so.
    isDetected: port.protocol === 'Unsupported' && !isRouter,
    http: policy.connectionPool?.http,
  });
  applyProtocolOptions(cluster, { version, pool: policy.connectionPool, upstream: autoSni(policy) });
  const socket = transportSocket(spec, policy, version === 'http2');
  if (socket !== undefined) cluster.transportSocket = socket;
  cluster.metadata = clusterMetadata({ services: [service], subset: subset?.name, rule });
  return cluster;
}

function applyDiscovery(
  cluster: Cluster,
  spec: ClusterSpec,
  loadAssignment: ClusterLoadAssignment | undefined,
): boolean {
  switch (spec.discovery) {
    case 'EDS':
      cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.EDS };
      cluster.edsClusterConfig = create(Cluster_EdsClusterConfigSchema, {
        serviceName: spec.name,
        edsConfig: adsSource(),
      });
      return true;
    case 'ORIGINAL_DST':
      cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST };
      return true;
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      if (loadAssignment === undefined || loadAssignment.endpoints.length === 0) return false;
      cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType[spec.discovery] };
      cluster.loadAssignment = loadAssignment;
      cluster.dnsLookupFamily = Cluster_DnsLookupFamily.V4_ONLY;
      cluster.dnsRefreshRate = durationOfMs(dnsRefreshMs);
      cluster.respectDnsTtl = true;
      return true;
    default:
      return spec.discovery satisfies never;
  }
}
