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
  checkOneOf(settings, ['warmup', 'warmupDurationSecs'], place);
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
    'attribute',
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
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

/** Reports localities that overlap, weights that don't add up, and failover to where traffic came from. */
export function checkLocality(setting: LocalityLoadBalancerSetting, place: Place): void {
  if (setting.distribute?.length && (setting.failover?.length || setting.failoverPriority?.length))
    place.error('distribute and failover exclude each other');
  const repeated = setting.failover?.length
    ? setting.failoverPriority?.find((label) => topologyLabels.includes(label))
    : undefined;
  if (repeated !== undefined) place.error(`failover and the label ${repeated} in failoverPriority exclude each other`);
  const sources = (setting.distribute ?? []).map((entry) => entry.from ?? '');
  forEachAt(setting.distribute, place.at('distribute'), (entry, at) => {
    checkLocalityName(entry.from ?? '', at.at('from'));
    const targets = Object.entries(entry.to ?? {});
    for (const [locality, weight] of targets) {
      checkLocalityName(locality, at.at('to', locality));
      if (weight === 0) at.at('to', locality).error('a locality without weight is left out instead');
    }
    const total = targets.reduce((sum, [, weight]) => sum + weight, 0);
    if (total !== 100) at.at('to').error(`the weights add up to ${total}, not 100`);
    checkOverlap(
      targets.map(([locality]) => locality),
      at.at('to'),
    );
  });
  checkOverlap(sources, place.at('distribute'));
  checkRegions(setting.failover, place.at('failover'));
  forEachAt(setting.failoverPriority, place.at('failoverPriority'), (label, at) => {
    if (label === '') at.error("expected a label's name, or NAME=VALUE");
  });
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
    if (!entry.from || !entry.to) at.error('from and to are both required');
    else if (entry.from === entry.to) at.error(`from and to are the same: ${entry.from}`);
    for (const name of ['from', 'to'] as const)
      if (entry[name]?.includes('*') || entry[name]?.includes('/'))
        at.at(name).error('expected a region, without zone or *');
  });
}

function checkLocalityName(locality: string, place: Place): void {
  const parts = locality.split('/');
  if (parts.length > 3 || parts.some((part) => part === ''))
    place.error(`expected REGION/ZONE/SUBZONE, perhaps ending in *, found ${JSON.stringify(locality)}`);
  else if (parts.slice(0, -1).some((part) => part.includes('*')) || /.\*|\*./.test(parts.at(-1) ?? ''))
    place.error(`* may only stand for all of the last part, found ${JSON.stringify(locality)}`);
}

function checkOverlap(localities: readonly string[], place: Place): void {
  for (const [index, locality] of localities.entries()) {
    const wider = localities.find(
      (other, at) => at !== index && covers(other, locality) && (other !== locality || at < index),
    );
    if (wider !== undefined) place.error(`${locality} and ${wider} overlap`);
  }
}

function covers(wide: string, narrow: string): boolean {
  const stem = wide.replace(/\/?\*$/, '');
  return stem === '' || narrow === wide || narrow === stem || narrow.startsWith(`${stem}/`);
}
