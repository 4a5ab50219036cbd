// DestinationRule's loadBalancer: Envoy's policy, its settings, slow start and locality weighting.
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema,
  Cluster_CommonLbConfig_ZoneAwareLbConfigSchema,
  Cluster_CommonLbConfigSchema,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  Cluster_LeastRequestLbConfigSchema,
  Cluster_MaglevLbConfigSchema,
  Cluster_RingHashLbConfigSchema,
  Cluster_RoundRobinLbConfigSchema,
  type Cluster_SlowStartConfig,
  Cluster_SlowStartConfigSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RuntimeDoubleSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { PercentSchema } from '../../../../gen/envoy/type/v3/percent_pb.js';
import type {
  ConsistentHashLB,
  LoadBalancerSettings,
  LocalityLoadBalancerSetting,
} from '../../../../mesh/config/schemas/destination-rule.ts';
import { durationOf } from '../routes/duration.ts';

/** Istio's default of ring hash's minimum ring size: Envoy's. */
const defaultRingSize = 1024;

/**
 * Sets the policy; LEAST_REQUEST unless told otherwise, as Istio does. Expects the cluster's type and outlier detection to be set.
 * `prefersNear`: the service asks for near endpoints itself.
 */
export function applyLoadBalancer(
  cluster: Cluster,
  settings: LoadBalancerSettings | undefined,
  options: { readonly prefersNear: boolean },
): void {
  if (choosesItself(cluster)) {
    cluster.lbPolicy = Cluster_LbPolicy.CLUSTER_PROVIDED;
    return;
  }
  applyLocality(cluster, settings, options);
  if (settings?.consistentHash !== undefined) applyConsistentHash(cluster, settings.consistentHash);
  else applySimple(cluster, settings);
}

/** Where the client was going, or whom its request names. */
function choosesItself(cluster: Cluster): boolean {
  const { clusterDiscoveryType: type } = cluster;
  return type.case === 'clusterType' || (type.case === 'type' && type.value === Cluster_DiscoveryType.ORIGINAL_DST);
}

function applySimple(cluster: Cluster, settings: LoadBalancerSettings | undefined): void {
  const slowStartConfig = slowStart(settings);
  switch (settings?.simple) {
    case 'RANDOM':
      cluster.lbPolicy = Cluster_LbPolicy.RANDOM;
      return;
    case 'ROUND_ROBIN':
      cluster.lbPolicy = Cluster_LbPolicy.ROUND_ROBIN;
      if (slowStartConfig !== undefined) {
        const value = create(Cluster_RoundRobinLbConfigSchema, { slowStartConfig });
        cluster.lbConfig = { case: 'roundRobinLbConfig', value };
      }
      return;
    default:
      cluster.lbPolicy = Cluster_LbPolicy.LEAST_REQUEST;
      if (slowStartConfig !== undefined) {
        const value = create(Cluster_LeastRequestLbConfigSchema, { slowStartConfig });
        cluster.lbConfig = { case: 'leastRequestLbConfig', value };
      }
  }
}

function applyConsistentHash(cluster: Cluster, hash: ConsistentHashLB): void {
  if (hash.maglev !== undefined) {
    cluster.lbPolicy = Cluster_LbPolicy.MAGLEV;
    const { tableSize } = hash.maglev;
    if (tableSize !== undefined && tableSize > 0) {
      const value = create(Cluster_MaglevLbConfigSchema, { tableSize: BigInt(tableSize) });
      cluster.lbConfig = { case: 'maglevLbConfig', value };
    }
    return;
  }
  cluster.lbPolicy = Cluster_LbPolicy.RING_HASH;
  const size = hash.ringHash?.minimumRingSize || hash.minimumRingSize || defaultRingSize;
  const value = create(Cluster_RingHashLbConfigSchema, { minimumRingSize: BigInt(size) });
  cluster.lbConfig = { case: 'ringHashLbConfig', value };
}

/** `warmup`, or its older form `warmupDurationSecs`. */
function slowStart(settings: LoadBalancerSettings | undefined): Cluster_SlowStartConfig | undefined {
  const { warmup, warmupDurationSecs } = settings ?? {};
  const window = warmup?.duration ?? warmupDurationSecs;
  if (window === undefined) return undefined;
  return create(Cluster_SlowStartConfigSchema, {
    slowStartWindow: durationOf(window),
    ...(warmup?.aggression !== undefined && {
      aggression: create(RuntimeDoubleSchema, { defaultValue: warmup.aggression }),
    }),
    ...(warmup?.minimumPercent !== undefined && {
      minWeightPercent: create(PercentSchema, { value: warmup.minimumPercent }),
    }),
  });
}

function applyLocality(
  cluster: Cluster,
  settings: LoadBalancerSettings | undefined,
  { prefersNear }: { readonly prefersNear: boolean },
): void {
  const zoneAware = settings?.zoneAwareLbSetting;
  if (zoneAware !== undefined) {
    cluster.commonLbConfig ??= create(Cluster_CommonLbConfigSchema);
    const { minClusterSize, enabled } = zoneAware;
    cluster.commonLbConfig.localityConfigSpecifier = {
      case: 'zoneAwareLbConfig',
      value: create(Cluster_CommonLbConfig_ZoneAwareLbConfigSchema, {
        ...(minClusterSize !== undefined && { minClusterSize: BigInt(minClusterSize) }),
        // Envoy would balance by zone of itself.
        ...(enabled === false && { routingEnabled: create(PercentSchema, { value: 0 }) }),
      }),
    };
    return;
  }
  const failsOver = prefersNear || cluster.outlierDetection !== undefined;
  if (!weighsLocalities(settings?.localityLbSetting, failsOver)) return;
  cluster.commonLbConfig ??= create(Cluster_CommonLbConfigSchema);
  cluster.commonLbConfig.localityConfigSpecifier = {
    case: 'localityWeightedLbConfig',
    value: create(Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema),
  };
}

/** Whether localities get their share before endpoints do. Only where settings speak of localities: LEAST_REQUEST, say, is about all endpoints. */
function weighsLocalities(setting: LocalityLoadBalancerSetting | undefined, failsOver: boolean): boolean {
  if (setting === undefined || setting.enabled === false) return false;
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  return distribute.length > 0 || (failsOver && failover.length + failoverPriority.length > 0);
}
