// What a destination inherits from the mesh configuration where its DestinationRule says nothing.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TCPSettings, TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import { isHttp } from '../routes/protocol.ts';
import type { ClusterSpec } from './cluster-spec.ts';

/** A cluster's policy with the mesh's defaults below it. Settings are inherited whole; keepalive field by field, as in Istio. */
export function policyWithDefaults({ policy, port }: ClusterSpec, mesh: MeshConfig): TrafficPolicy {
  const connectionPool = policy.connectionPool ?? mesh.defaultConnectionPool;
  const outlierDetection = policy.outlierDetection ?? mesh.defaultOutlierDetection;
  const isZoneAware = policy.loadBalancer?.zoneAwareLbSetting !== undefined;
  const localityLbSetting = isZoneAware
    ? undefined
    : (policy.loadBalancer?.localityLbSetting ?? mesh.localityLbSetting);
  const keepalive = keepaliveOf(connectionPool?.tcp, mesh);
  const upgrade = connectionPool?.http?.h2UpgradePolicy ?? 'DEFAULT';
  // A rule knows that its port is HTTP; the mesh's default is for ports that say so.
  const upgradesByDefault = upgrade === 'DEFAULT' && mesh.h2UpgradePolicy === 'UPGRADE' && isHttp(port.protocol);
  const tcp = keepalive === undefined ? {} : { tcp: { ...connectionPool?.tcp, tcpKeepalive: keepalive } };
  const http = upgradesByDefault ? { http: { ...connectionPool?.http, h2UpgradePolicy: 'UPGRADE' as const } } : {};
  const pool = { ...connectionPool, ...tcp, ...http };
  return {
    ...policy,
    ...(Object.keys(pool).length > 0 && { connectionPool: pool }),
    ...(outlierDetection !== undefined && { outlierDetection }),
    ...(localityLbSetting !== undefined && { loadBalancer: { ...policy.loadBalancer, localityLbSetting } }),
  };
}

function keepaliveOf(tcp: TCPSettings | undefined, mesh: MeshConfig): TCPSettings['tcpKeepalive'] {
  if (mesh.tcpKeepalive === undefined) return tcp?.tcpKeepalive;
  return { ...mesh.tcpKeepalive, ...tcp?.tcpKeepalive };
}
