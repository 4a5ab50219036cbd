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

it.each([
  [undefined, undefined, 'PreferSameNode'],
  ['PreferClose', undefined, 'PreferSameZone'],
  ['unheard-of', undefined, 'PreferSameNode'],
  [undefined, annotated('PreferClose'), 'PreferSameZone'],
  [undefined, annotated('Any'), undefined],
  [undefined, annotated(''), 'PreferSameNode'],
])('in a namespace with PreferSameNode, %s and annotations %j mean %s', (field, annotations, expected) => {
  expect(trafficDistributionOf(field, annotations, annotated('PreferSameNode'))).toBe(expected);
});
