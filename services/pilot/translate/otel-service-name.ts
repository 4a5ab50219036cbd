// OpenTelemetry's name for the service of a workload in Kubernetes (opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes). Pure.
import { isRecord } from '../../../mesh/config/check-schema.ts';

/**
 * By the pod's annotation, its labels, the name of what owns it, its own, and that of its only container; `unknown_service` else. As
 * Istio reads them for `serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS`.
 */
export function otelServiceName(
  podName: string,
  { ANNOTATIONS: annotations, LABELS: labels, WORKLOAD_NAME: workload, APP_CONTAINERS: containers }: Metadata,
): string {
  const only = typeof containers === 'string' && !containers.includes(',') ? containers : '';
  const candidates = [
    isRecord(annotations) ? annotations['resource.opentelemetry.io/service.name'] : '',
    ...(isRecord(labels) ? [labels['app.kubernetes.io/instance'], labels['app.kubernetes.io/name']] : []),
    ...[workload, podName, only],
  ];
  return candidates.find((name): name is string => typeof name === 'string' && name !== '') ?? 'unknown_service';
}

/** Metadata of Envoy's node, as Istio's agents write them. */
type Metadata = Readonly<Record<string, unknown>>;
