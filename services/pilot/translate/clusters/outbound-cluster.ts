// One outbound cluster: a port of a service, or a subset of it, with everything its DestinationRule says.
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_EdsClusterConfigSchema,
  Cluster_OriginalDstLbConfigSchema,
  ClusterSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import { applyForwardProxy, lookUpFamily } from '../dynamic-dns.ts';
import { preferredNearness } from '../endpoints/locality.ts';
import { keepsHeaderCase } from '../listeners/header-case.ts';
import { durationOfMs } from '../routes/duration.ts';
import { isHttp2 } from '../routes/protocol.ts';
import { autoTlsMatches, autoTlsSocket, type ServerTls } from '../security/auto-mutual-tls.ts';
import type { Federation } from '../security/federation.ts';
import { withoutPeerHeader } from '../telemetry/peer-filters.ts';
import { clusterMetadata } from './cluster-metadata.ts';
import type { ClusterSpec } from './cluster-spec.ts';
import { applyConnectionPool } from './connection-pool.ts';
import { applyLoadBalancer } from './load-balancing.ts';
import { policyWithDefaults } from './mesh-defaults.ts';
import { applyOutlierDetection } from './outlier-detection.ts';
import { applyProtocolOptions, upstreamHttpVersion } from './protocol-options.ts';
import { adsSource } from './secret-config.ts';
import { statName } from './stat-name.ts';
import { autoSni, tlsSocket, withProxyProtocol } from './upstream-tls.ts';

/** Istio's default of `dnsRefreshRate`: records' own TTLs are honoured where they have one. */
const dnsRefreshMs = 60_000;

/** What a cluster depends on besides its spec. */
export interface OutboundClusterOptions {
  readonly mesh: MeshConfig;
  readonly isRouter: boolean;
  /** Whether the proxy reports metrics, and so tells its peers who calls. */
  readonly isReporting?: boolean;
  /** Names are looked up for IPv6 addresses only; else for IPv4 ones only, Istio's default for proxies that have both. */
  readonly isIpv6Only?: boolean;
  /** For clusters whose endpoints are names that Envoy resolves. */
  readonly loadAssignment: ClusterLoadAssignment | undefined;
  /** Other trust domains, for proxies with an identity. */
  readonly federation?: Federation | undefined;
  /** The agent has said that it serves no secrets. */
  readonly isWithoutIdentity?: boolean;
  /** The mesh's mutual TLS; absent: as the policy says alone. */
  readonly serverTls?: ServerTls | undefined;
}

/** The cluster of `spec`. */
export function outboundCluster(spec: ClusterSpec, options: OutboundClusterOptions): Cluster {
  const { port, rule, service, subset } = spec;
  const { mesh, isRouter, isReporting = false } = options;
  const policy = withUsableCredential(policyWithDefaults(spec, mesh), spec, isRouter);
  const cluster = create(ClusterSchema, { name: spec.name, connectTimeout: durationOfMs(mesh.connectTimeoutMs) });
  if (mesh.outboundClusterStatName)
    cluster.altStatName = statName(mesh.outboundClusterStatName, {
      service,
      port,
      subset: subset?.name ?? '',
      targetPort: 0,
    });
  applyDiscovery(cluster, spec, options);
  applyConnectionPool(cluster, policy.connectionPool, policy.retryBudget);
  applyOutlierDetection(cluster, policy.outlierDetection);
  applyLoadBalancer(cluster, policy.loadBalancer, {
    prefersNear: preferredNearness(service, spec.policy) !== undefined,
  });
  const version = upstreamHttpVersion({
    isHttp2Port: isHttp2(port.protocol),
    // A gateway knows the protocol: its listener says so.
    isDetected: port.protocol === 'Unsupported' && !isRouter,
    http: policy.connectionPool?.http,
  });
  applyProtocolOptions(cluster, {
    version,
    pool: policy.connectionPool,
    upstream: autoSni(policy),
    keepsHeaderCase: keepsHeaderCase(mesh),
    errorCodes: policy.outlierDetection?.outlierDetectionHttpErrorCodes ?? [],
    ...strangerFilters(spec, options),
  });
  applyTransport(cluster, { spec, policy, options, isHttp2: version === 'http2' });
  cluster.metadata = clusterMetadata({ services: [service], subset: subset?.name, rule, isReported: isReporting });
  return cluster;
}

/** How bytes travel: TLS that the policy or the mesh asks for, after the PROXY protocol's header. */
function applyTransport(
  cluster: Cluster,
  from: {
    readonly spec: ClusterSpec;
    readonly policy: TrafficPolicy;
    readonly options: OutboundClusterOptions;
    readonly isHttp2: boolean;
  },
): void {
  const { spec, policy, options, isHttp2 } = from;
  const { mesh, federation, isWithoutIdentity = false, serverTls } = options;
  const auto = { isHttp2, mesh, federation, identities: serverTls?.identities ?? [] };
  if (serverTls?.with === 'each') {
    cluster.transportSocketMatches = autoTlsMatches(spec, auto);
    for (const match of cluster.transportSocketMatches)
      if (match.transportSocket) match.transportSocket = withProxyProtocol(match.transportSocket, policy);
    return;
  }
  const own = serverTls?.with === 'all' ? autoTlsSocket(spec, auto) : undefined;
  const tls = serverTls?.with === 'rule' ? { ...policy.tls, subjectAltNames: serverTls.identities } : policy.tls;
  const byPolicy = tls && tlsSocket({ spec, tls, isHttp2, federation, isWithoutIdentity, defaults: mesh.tlsDefaults });
  const socket = withProxyProtocol(own ?? byPolicy, policy);
  if (socket !== undefined) cluster.transportSocket = socket;
}

/** Sidecars fetch a credential only where the rule selects workloads; else they go on with the rule's files (Istio's ClientTLSSettings.credentialName). */
function withUsableCredential(policy: TrafficPolicy, { rule }: ClusterSpec, isRouter: boolean): TrafficPolicy {
  const selector = rule?.resources[0].spec.workloadSelector?.matchLabels ?? {};
  if (!policy.tls?.credentialName || isRouter || Object.keys(selector).length > 0) return policy;
  const { credentialName: _, ...tls } = policy.tls;
  return { ...policy, tls };
}

/** What calls a host outside the mesh does not tell it by whom. */
function strangerFilters({ service }: ClusterSpec, { isReporting }: OutboundClusterOptions) {
  return isReporting && service.location === 'MESH_EXTERNAL' ? { filters: [withoutPeerHeader] } : {};
}

function applyDiscovery(
  cluster: Cluster,
  spec: ClusterSpec,
  { loadAssignment, mesh, isIpv6Only }: OutboundClusterOptions,
): void {
  const { discovery } = spec;
  const isNameless = loadAssignment === undefined || loadAssignment.endpoints.length === 0;
  // Envoy wants exactly one name in a LOGICAL_DNS cluster: without any, STRICT_DNS answers "no healthy upstream".
  if (discovery === 'FORWARD_PROXY') {
    applyForwardProxy(cluster, lookUpFamily(isIpv6Only));
    return;
  }
  const type = discovery === 'LOGICAL_DNS' && isNameless ? 'STRICT_DNS' : discovery;
  cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType[type] };
  if (discovery === 'EDS') {
    cluster.edsClusterConfig = create(Cluster_EdsClusterConfigSchema, {
      serviceName: spec.name,
      edsConfig: adsSource(),
    });
  }
  const { service, port } = spec;
  if (discovery === 'ORIGINAL_DST' && service.resolution === 'NONE' && typeof port.targetPort === 'number') {
    // Clients call the service's port; a ServiceEntry may say that its servers have another.
    const value = create(Cluster_OriginalDstLbConfigSchema, { upstreamPortOverride: port.targetPort });
    cluster.lbConfig = { case: 'originalDstLbConfig', value };
  }
  if (discovery === 'STRICT_DNS' || discovery === 'LOGICAL_DNS') {
    cluster.loadAssignment = loadAssignment ?? create(ClusterLoadAssignmentSchema, { clusterName: spec.name });
    cluster.dnsLookupFamily = lookUpFamily(isIpv6Only);
    cluster.dnsRefreshRate = durationOfMs(mesh.dnsRefreshRateMs ?? dnsRefreshMs);
    cluster.respectDnsTtl = true;
  }
}
