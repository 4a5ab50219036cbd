// Localities: `region/zone/subzone`, how near they are to each other, and which settings make a cluster care.
import type { Service } from '../../../../events/model.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type {
  LoadBalancerSettings,
  LocalityLoadBalancerSetting,
  TrafficPolicy,
} from '../../../../mesh/config/schemas/destination-rule.ts';

/** A parsed `region/zone/subzone`; missing parts are ''. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** Parses `region/zone/subzone`. */
export function parseLocality(text: string): Locality {
  const [region = '', zone = '', subZone = ''] = text.split('/');
  return { region, zone, subZone };
}

/** 0: same subzone, 1: same zone, 2: same region, 3: none of these (Istio's LbPriority). */
export function localityDistance(a: Locality, b: Locality): 0 | 1 | 2 | 3 {
  if (a.region !== b.region) return 3;
  if (a.zone !== b.zone) return 2;
  return a.subZone === b.subZone ? 0 : 1;
}

/** Whether `locality` is within `pattern`, whose parts may be `*` or missing. */
export function matchesLocality(locality: Locality, pattern: string): boolean {
  const wanted = parseLocality(pattern);
  const matches = (actual: string, part: string) => part === '*' || part === '' || part === actual;
  if (wanted.region === '*') return true;
  if (wanted.region !== locality.region) return false;
  if (wanted.zone === '*' || wanted.zone === '') return true;
  return wanted.zone === locality.zone && matches(locality.subZone, wanted.subZone);
}

/** Whether a cluster weighs its localities: the mesh's default unless the DestinationRule says otherwise. */
export function isLocalityAware(settings: LoadBalancerSettings | undefined, mesh: MeshConfig): boolean {
  const setting = settings?.localityLbSetting;
  return setting === undefined ? mesh.localityLbEnabled : setting.enabled !== false;
}

/** What of a proxy its load assignment depends on. */
export type LocalityUse =
  | { readonly kind: 'none' }
  | { readonly kind: 'distribute'; readonly rules: NonNullable<LocalityLoadBalancerSetting['distribute']> }
  | {
      readonly kind: 'failover';
      readonly failover: NonNullable<LocalityLoadBalancerSetting['failover']>;
      /** `LABEL` or `LABEL=VALUE`, most important first. */
      readonly failoverPriority: readonly string[];
      /** Endpoints of the proxy's region are one priority, for Envoy to balance by zone. */
      readonly byRegion: boolean;
    };

const none: LocalityUse = { kind: 'none' };

/** What endpoints and proxy share first, for each preference of a service; Istio's order. */
const nearness: Readonly<Record<NonNullable<Service['trafficDistribution']>, readonly string[]>> = {
  PreferSameZone: ['topology.istio.io/network', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone'],
  PreferSameNode: [
    'topology.istio.io/network',
    'topology.kubernetes.io/region',
    'topology.kubernetes.io/zone',
    'topology.istio.io/subzone',
    'kubernetes.io/hostname',
  ],
};

/** What a service's `trafficDistribution` comes to under its own `policy`, before the mesh's defaults: a DestinationRule goes before it. */
export function preferredNearness(service: Service, policy: TrafficPolicy): readonly string[] | undefined {
  const { localityLbSetting, zoneAwareLbSetting } = policy.loadBalancer ?? {};
  if (localityLbSetting !== undefined || zoneAwareLbSetting !== undefined) return undefined;
  return service.trafficDistribution && nearness[service.trafficDistribution];
}

/**
 * How a policy makes endpoints' localities count. Failover between localities needs outlier detection: without it Envoy would never
 * fail over; zone-aware balancing keeps other regions apart whether there is any or not, and so does a service that asks for near
 * endpoints (`isForced`).
 */
export function localityUse(policy: TrafficPolicy, mesh: MeshConfig, isForced = false): LocalityUse {
  const zoneAware = policy.loadBalancer?.zoneAwareLbSetting;
  if (zoneAware !== undefined) {
    const { failover = [], failoverPriority = [], enabled } = zoneAware;
    return enabled === false ? none : { kind: 'failover', failover, failoverPriority, byRegion: true };
  }
  if (!isLocalityAware(policy.loadBalancer, mesh)) return none;
  const setting = policy.loadBalancer?.localityLbSetting;
  if (setting?.distribute !== undefined && setting.distribute.length > 0) {
    return { kind: 'distribute', rules: setting.distribute };
  }
  if (policy.outlierDetection === undefined && !isForced) return none;
  const { failover = [], failoverPriority = [] } = setting ?? {};
  return { kind: 'failover', failover, failoverPriority, byRegion: false };
}

/** Label names that a `failoverPriority` reads. */
export function failoverLabel(entry: string): string {
  const equals = entry.indexOf('=');
  return equals === -1 ? entry : entry.slice(0, equals);
}
