import { expect, it } from 'vitest';
import { trafficDistributionOf } from './traffic-distribution.ts';

const annotated = (value: string) => ({ 'networking.istio.io/traffic-distribution': value });

it.each([
  ['PreferClose', undefined, 'PreferSameZone'],
  ['PreferSameZone', undefined, 'PreferSameZone'],
  ['PreferSameNode', annotated('PreferClose'), 'PreferSameNode'],
  [undefined, annotated('preferclose'), 'PreferSameZone'],
  [undefined, annotated('Any'), undefined],
  ['constructor', undefined, undefined],
  [undefined, undefined, undefined],
])('trafficDistribution %s and annotations %j mean %s', (field, annotations, expected) => {
  expect(trafficDistributionOf(field, annotations)).toBe(expected);
});
