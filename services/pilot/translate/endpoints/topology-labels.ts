// Labels that say where a workload runs: those it has, and those that follow from its locality, network and cluster.
import type { Endpoint } from '../../../../events/model.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { parseLocality } from './locality.ts';

type Located = Pick<Endpoint, 'labels' | 'locality' | 'network' | 'clusterId' | 'nodeName'> | ProxyContext;

/**
 * The value of a label, topology labels included (istio.io/latest/docs/reference/config/labels); '' when it has none. Where it
 * runs goes before what its labels say of that.
 */
export function topologyLabel(of: Located, label: string): string {
  return placeOf(of, label) || (Object.hasOwn(of.labels, label) ? (of.labels[label] ?? '') : '');
}

/** Whether an endpoint has every label of a subset, with topology labels as those of its workload (as istiod adds them). */
export function isInSubset(selector: Readonly<Record<string, string>>, endpoint: Endpoint): boolean {
  return Object.entries(selector).every(([label, value]) =>
    value === '' ? endpoint.labels[label] === value : topologyLabel(endpoint, label) === value,
  );
}

function placeOf(of: Located, label: string): string | undefined {
  switch (label) {
    case 'topology.kubernetes.io/region':
      return parseLocality(of.locality ?? '').region;
    case 'topology.kubernetes.io/zone':
      return parseLocality(of.locality ?? '').zone;
    case 'topology.istio.io/subzone':
      return parseLocality(of.locality ?? '').subZone;
    case 'topology.istio.io/network':
      return of.network;
    case 'topology.istio.io/cluster':
      return of.clusterId;
    case 'kubernetes.io/hostname':
      return of.nodeName;
    default:
      return undefined;
  }
}
