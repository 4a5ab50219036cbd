// DestinationRule's outlierDetection (istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection).
import { create } from '@bufbuild/protobuf';
import type { Cluster } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { Cluster_CommonLbConfigSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { OutlierDetectionSchema } from '../../../../gen/envoy/config/cluster/v3/outlier_detection_pb.js';
import { PercentSchema } from '../../../../gen/envoy/type/v3/percent_pb.js';
import type { OutlierDetection } from '../../../../mesh/config/schemas/destination-rule.ts';
import { durationOf } from '../routes/duration.ts';

/** Ejects endpoints by consecutive failures only: success-rate ejection is off, as in Istio. */
export function applyOutlierDetection(cluster: Cluster, settings: OutlierDetection | undefined): void {
  if (settings === undefined) return;
  const { interval, baseEjectionTime, maxEjectionPercent, minHealthPercent } = settings;
  cluster.outlierDetection = create(OutlierDetectionSchema, {
    enforcingSuccessRate: 0,
    ...consecutive5xx(settings),
    ...gatewayErrors(settings),
    ...localOriginErrors(settings),
    ...(interval !== undefined && { interval: durationOf(interval) }),
    ...(baseEjectionTime !== undefined && { baseEjectionTime: durationOf(baseEjectionTime) }),
    ...(maxEjectionPercent !== undefined && maxEjectionPercent > 0 && { maxEjectionPercent }),
  });
  // Envoy's default panic threshold of 50 % defeats ejection in the small sets that services here have.
  cluster.commonLbConfig ??= create(Cluster_CommonLbConfigSchema);
  cluster.commonLbConfig.healthyPanicThreshold = create(PercentSchema, { value: minHealthPercent ?? 0 });
}

function consecutive5xx({ consecutive5xxErrors }: OutlierDetection) {
  if (consecutive5xxErrors === undefined) return {};
  return { consecutive5xx: consecutive5xxErrors, enforcingConsecutive5xx: consecutive5xxErrors > 0 ? 100 : 0 };
}

function gatewayErrors({ consecutiveGatewayErrors: errors }: OutlierDetection) {
  if (errors === undefined) return {};
  return { consecutiveGatewayFailure: errors, enforcingConsecutiveGatewayFailure: errors > 0 ? 100 : 0 };
}

function localOriginErrors({
  splitExternalLocalOriginErrors,
  consecutiveLocalOriginFailures: failures,
}: OutlierDetection) {
  if (splitExternalLocalOriginErrors !== true) return {};
  return {
    splitExternalLocalOriginErrors: true,
    enforcingLocalOriginSuccessRate: 0,
    ...(failures !== undefined &&
      failures > 0 && { consecutiveLocalOriginFailure: failures, enforcingConsecutiveLocalOriginFailure: 100 }),
  };
}
