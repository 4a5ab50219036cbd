// Labels that say where a workload runs: those it has, and those that follow from its locality, network and cluster.
import type { Endpoint } from '../../../../events/model.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { parseLocality } from './locality.ts';

/** The value of a label, topology labels included (istio.io/latest/docs/reference/config/labels); '' when it has none. */
export function topologyLabel(
  of: Pick<Endpoint, 'labels' | 'locality' | 'network' | 'clusterId' | 'nodeName'> | ProxyContext,
  label: string,
): string {
  const { region, zone, subZone } = parseLocality(of.locality ?? '');
  switch (label) {
    case 'topology.kubernetes.io/region':
      return region;
    case 'topology.kubernetes.io/zone':
      return zone;
    case 'topology.istio.io/subzone':
      return subZone;
    case 'topology.istio.io/network':
      return of.network ?? '';
    case 'topology.istio.io/cluster':
      return of.clusterId ?? '';
    case 'kubernetes.io/hostname':
      return of.nodeName ?? of.labels[label] ?? '';
    default:
      return Object.hasOwn(of.labels, label) ? (of.labels[label] ?? '') : '';
  }
}
