// What a destination inherits from the mesh configuration where its DestinationRule says nothing.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type {
  ConnectionPoolSettings,
  OutlierDetection,
  TCPSettings,
  TrafficPolicy,
} from '../../../../mesh/config/schemas/destination-rule.ts';
import { mixerHostname } from '../../../../mesh/policy/mixer-service.ts';
import { preferredNearness } from '../endpoints/locality.ts';
import { isHttp } from '../routes/protocol.ts';
import type { ClusterSpec } from './cluster-spec.ts';

/**
 * A Mixer that can't be reached is left alone for a while; where half of them can't, all are tried. What Mixers answer does not count: a refusal
 * or a back end that fails is no fault of theirs.
 */
const mixerOutliers: OutlierDetection = {
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailures: 2,
  consecutiveGatewayErrors: 0,
  consecutive5xxErrors: 0,
  interval: '1s',
  baseEjectionTime: '5s',
  maxEjectionPercent: 100,
  minHealthPercent: 50,
};

/** A cluster's policy with the mesh's defaults below it. Settings are inherited whole; keepalive field by field, as in Istio. */
export function policyWithDefaults({ policy, port, service }: ClusterSpec, mesh: MeshConfig): TrafficPolicy {
  const connectionPool = poolWithDefaults(policy.connectionPool, mesh);
  const ofMesh = service.hostname === mixerHostname ? mixerOutliers : mesh.defaultOutlierDetection;
  const outlierDetection = policy.outlierDetection ?? ofMesh;
  const nearest = preferredNearness(service, policy);
  const ownLocality = policy.loadBalancer?.localityLbSetting;
  const zoneAwareOfMesh = ownLocality === undefined && nearest === undefined ? mesh.zoneAwareLbSetting : undefined;
  const zoneAwareLbSetting = policy.loadBalancer?.zoneAwareLbSetting ?? zoneAwareOfMesh;
  const preferred = nearest && { enabled: true, failoverPriority: nearest };
  const localityLbSetting =
    zoneAwareLbSetting === undefined ? (ownLocality ?? preferred ?? mesh.localityLbSetting) : undefined;
  const upgrade = connectionPool?.http?.h2UpgradePolicy ?? 'DEFAULT';
  // A rule knows that its port is HTTP; the mesh's default is for ports that say so.
  const upgradesByDefault = upgrade === 'DEFAULT' && mesh.h2UpgradePolicy === 'UPGRADE' && isHttp(port.protocol);
  const http = upgradesByDefault ? { http: { ...connectionPool?.http, h2UpgradePolicy: 'UPGRADE' as const } } : {};
  const pool = { ...connectionPool, ...http };
  return {
    ...policy,
    ...(Object.keys(pool).length > 0 && { connectionPool: pool }),
    ...(outlierDetection !== undefined && { outlierDetection }),
    ...(localityLbSetting !== undefined && { loadBalancer: { ...policy.loadBalancer, localityLbSetting } }),
    ...(zoneAwareLbSetting !== undefined && { loadBalancer: { ...policy.loadBalancer, zoneAwareLbSetting } }),
  };
}

/** Limits of connections, inbound ones and those that are passed through included, with the mesh's defaults below them. */
export function poolWithDefaults(
  own: ConnectionPoolSettings | undefined,
  mesh: MeshConfig,
): ConnectionPoolSettings | undefined {
  const pool = own ?? mesh.defaultConnectionPool;
  const tcpKeepalive = keepaliveOf(pool?.tcp, mesh);
  return tcpKeepalive === undefined ? pool : { ...pool, tcp: { ...pool?.tcp, tcpKeepalive } };
}

function keepaliveOf(tcp: TCPSettings | undefined, mesh: MeshConfig): TCPSettings['tcpKeepalive'] {
  if (mesh.tcpKeepalive === undefined) return tcp?.tcpKeepalive;
  return { ...mesh.tcpKeepalive, ...tcp?.tcpKeepalive };
}
