// What a service asks of those who call it about nearness (kubernetes.io/docs/concepts/services-networking/service#traffic-distribution).
import type { Service } from '../events/model.ts';

/** Istio's annotation from before Kubernetes had the field; in any case of letters. */
const annotation = 'networking.istio.io/traffic-distribution';

const meanings: ReadonlyMap<string, NonNullable<Service['trafficDistribution']>> = new Map([
  ['preferclose', 'PreferSameZone'],
  ['prefersamezone', 'PreferSameZone'],
  ['prefersamenode', 'PreferSameNode'],
]);

/** From the field of a Kubernetes Service, else the annotation; undefined for any endpoint, and for what is not known. */
export function trafficDistributionOf(
  field: string | undefined,
  annotations: Readonly<Record<string, string>> | undefined,
): Service['trafficDistribution'] {
  return meanings.get(field?.toLowerCase() ?? '') ?? meanings.get(annotations?.[annotation]?.toLowerCase() ?? '');
}
