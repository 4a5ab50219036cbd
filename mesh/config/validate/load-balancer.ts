// Validates load balancing: hashing, warm-up, locality.
import type {
  ConsistentHashLB,
  LoadBalancerSettings,
  LocalityLoadBalancerSetting,
  ZoneAwareLoadBalancerSetting,
} from '../schemas/destination-rule.ts';
import { checkOneOf, forEachAt, type Place } from './place.ts';
import { checkUnique } from './ports.ts';
import { checkPercentage } from './string-match.ts';

/** Reports contradictions. `ejects`: outlier detection is set beside it, which failover needs. */
export function checkLoadBalancer(settings: LoadBalancerSettings, place: Place, ejects: boolean): void {
  checkOneOf(settings, ['simple', 'consistentHash'], place);
  if (settings.warmup && settings.warmupDurationSecs) place.at('warmupDurationSecs').warn('warmup is taken instead');
  checkOneOf(settings, ['localityLbSetting', 'zoneAwareLbSetting'], place);
  if (settings.consistentHash) checkConsistentHash(settings.consistentHash, place.at('consistentHash'));
  checkPercentage(settings.warmup?.minimumPercent, place.at('warmup', 'minimumPercent'));
  const aggression = settings.warmup?.aggression;
  if (aggression !== undefined && aggression <= 0)
    place.at('warmup', 'aggression').error(`expected more than 0, found ${aggression}`);
  const balanced = ['UNSPECIFIED', 'ROUND_ROBIN', 'LEAST_REQUEST', 'LEAST_CONN'].includes(
    settings.simple ?? 'UNSPECIFIED',
  );
  if ((settings.warmup || settings.warmupDurationSecs) && (settings.consistentHash || !balanced))
    place.warn('warm-up has an effect with ROUND_ROBIN and LEAST_REQUEST only');
  if (settings.simple === 'LEAST_CONN') place.at('simple').warn('LEAST_CONN is deprecated; use LEAST_REQUEST');
  if (settings.zoneAwareLbSetting) checkZoneAware(settings.zoneAwareLbSetting, place.at('zoneAwareLbSetting'), ejects);
  if (settings.localityLbSetting) {
    const at = place.at('localityLbSetting');
    checkLocality(settings.localityLbSetting, at);
    const fails = settings.localityLbSetting.failover?.length || settings.localityLbSetting.failoverPriority?.length;
    if (fails && !ejects) at.warn('failover has no effect without outlierDetection in the same policy');
  }
}

/** Envoy's bounds (envoy/extensions/load_balancing_policies): a ring of at most 8 Mi, a prime Maglev table below 5,000,011. */
function checkConsistentHash(hash: ConsistentHashLB, place: Place): void {
  checkOneOf(hash, ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'], place);
  checkOneOf(hash, ['ringHash', 'maglev'], place);
  if (hash.httpCookie?.name === '') place.at('httpCookie', 'name').error('expected a name');
  const attributes = place.at('httpCookie', 'attributes');
  checkUnique(
    (hash.httpCookie?.attributes ?? []).map(({ name }) => name),
    (index) => attributes.at(index, 'name'),
    { what: 'attribute' },
  );
  forEachAt(hash.httpCookie?.attributes, attributes, ({ name }, at) => {
    if (name === '') at.at('name').error('expected a name');
  });
  if (hash.minimumRingSize) {
    place.at('minimumRingSize').warn('is deprecated; use ringHash.minimumRingSize');
    if (hash.ringHash || hash.maglev) place.at('minimumRingSize').error('goes with neither ringHash nor maglev');
  }
  const ring = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 0;
  if (ring > 8 * 1024 * 1024) place.warn(`Envoy takes ring sizes up to ${8 * 1024 * 1024}; ${ring} is too large`);
  if (hash.maglev === undefined) return;
  const { tableSize = 0 } = hash.maglev;
  if (tableSize >= 5_000_011 || !isPrime(tableSize))
    place.at('maglev', 'tableSize').error(`expected a prime number below 5000011, found ${tableSize}`);
}

function isPrime(number: number): boolean {
  if (number < 1) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

/** Reports localities that overlap, weights that don't add up, and failover to where traffic came from. */
export function checkLocality(setting: LocalityLoadBalancerSetting, place: Place): void {
  if (setting.distribute?.length && setting.failover?.length) place.error('distribute and failover exclude each other');
  const repeated = setting.failover?.length
    ? setting.failoverPriority?.find((label) => topologyLabels.includes(label))
    : undefined;
  if (repeated !== undefined) place.error(`failover and the label ${repeated} in failoverPriority exclude each other`);
  forEachAt(setting.distribute, place.at('distribute'), (entry, at) => {
    const targets = Object.entries(entry.to ?? {});
    for (const [locality, weight] of targets)
      if (weight === 0) at.at('to', locality).error('a locality without weight is left out instead');
    const total = targets.reduce((sum, [, weight]) => sum + weight, 0);
    if (total !== 100) at.at('to').error(`the weights add up to ${total}, not 100`);
    checkLocalities(targets.map(([locality]) => [locality, at.at('to', locality)]));
  });
  checkLocalities(
    (setting.distribute ?? []).map(({ from = '' }, index) => [from, place.at('distribute', index, 'from')]),
  );
  checkRegions(setting.failover, place.at('failover'));
}

const topologyLabels = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

/** Reports what zone-aware balancing does of itself, and failover that says nothing. */
function checkZoneAware(setting: ZoneAwareLoadBalancerSetting, place: Place, ejects: boolean): void {
  forEachAt(setting.failoverPriority, place.at('failoverPriority'), (label, at) => {
    if (topologyLabels.includes(label)) at.error(`${label} is what zone-aware balancing goes by anyway; leave it out`);
  });
  checkRegions(setting.failover, place.at('failover'));
  if ((setting.failover?.length || setting.failoverPriority?.length) && !ejects)
    place.warn('failover has no effect without outlierDetection in the same policy');
}

function checkRegions(failover: LocalityLoadBalancerSetting['failover'], place: Place): void {
  forEachAt(failover, place, (entry, at) => {
    const { from = '', to = '' } = entry;
    if (from === to) at.error(`from and to are the same: ${from || 'none'}`);
    else if (!from || !to) at.warn('without both from and to it has no effect');
    for (const name of ['from', 'to'] as const)
      if (entry[name]?.includes('*') || entry[name]?.includes('/'))
        at.at(name).error('expected a region, without zone or *');
  });
}

/**
 * Reports localities that are malformed, or that an earlier one of the same list covers. As in Istio, `us` stands for all of its zones,
 * and a wider one may follow narrower ones.
 */
function checkLocalities(localities: readonly (readonly [string, Place])[]): void {
  const covered = new Set<string>();
  for (const [locality, place] of localities) {
    const parts = localityParts(locality);
    if (parts === undefined) {
      place.error(
        `expected REGION/ZONE/SUBZONE, perhaps ending in *, none of them empty, found ${JSON.stringify(locality)}`,
      );
      continue;
    }
    const [region = '', zone = '*', subzone = '*'] = parts;
    const wider = ['*/*/*', `${region}/*/*`, `${region}/${zone}/*`, `${region}/${zone}/${subzone}`].find((one) =>
      covered.has(one),
    );
    const within = `${locality}/`;
    if (wider !== undefined || [...covered].some((one) => one.startsWith(within)))
      place.error(`${locality} overlaps with one before it`);
    covered.add(`${region}/${zone}/${subzone}`);
  }
}

/** At most three parts; a * ends the whole and stands once. */
function localityParts(locality: string): readonly string[] | undefined {
  const [region = '', zone, ...rest] = locality.split('/');
  const parts = [region, ...(zone === undefined ? [] : [zone]), ...(rest.length === 0 ? [] : [rest.join('/')])];
  const star = locality.indexOf('*');
  return parts.includes('') || (star >= 0 && star < locality.length - 1) ? undefined : parts;
}
