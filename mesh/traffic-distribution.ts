// What a service asks of those who call it about nearness (kubernetes.io/docs/concepts/services-networking/service#traffic-distribution).
import type { Service } from '../events/model.ts';

/** Istio's annotation from before Kubernetes had the field; in any case of letters. */
export const trafficDistributionAnnotation = 'networking.istio.io/traffic-distribution';

const meanings: ReadonlyMap<string, NonNullable<Service['trafficDistribution']>> = new Map([
  ['preferclose', 'PreferSameZone'],
  ['prefersamezone', 'PreferSameZone'],
  ['prefersamenode', 'PreferSameNode'],
]);

type Annotations = Readonly<Record<string, string>> | undefined;

/**
 * From the field of a Kubernetes Service, else its annotation, else its namespace's; undefined for any endpoint, and for what is
 * not known (istiod's GetTrafficDistribution).
 */
export function trafficDistributionOf(
  field: string | undefined,
  annotations: Annotations,
  ofNamespace?: Annotations,
): Service['trafficDistribution'] {
  const annotation = annotations?.[trafficDistributionAnnotation] || ofNamespace?.[trafficDistributionAnnotation];
  return meanings.get(field?.toLowerCase() ?? '') ?? meanings.get(annotation?.toLowerCase() ?? '');
}
