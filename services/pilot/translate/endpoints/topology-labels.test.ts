import { describe, expect, it } from 'vitest';
import { endpointAt, httpService } from '../../../../mesh/snapshot-fixture.ts';
import { isInSubset, topologyLabel } from './topology-labels.ts';

const placed = {
  ...endpointAt(httpService('web'), '10.0.0.1'),
  labels: { version: 'v1', empty: '', 'topology.kubernetes.io/zone': 'by-label', 'topology.istio.io/subzone': 's' },
  locality: 'eu/eu-1',
  network: 'n1',
  clusterId: 'c1',
  nodeName: 'node-1',
};

describe('labels of an endpoint', () => {
  it('have where it runs, which goes before what its own labels say', () => {
    expect(topologyLabel(placed, 'topology.kubernetes.io/region')).toBe('eu');
    expect(topologyLabel(placed, 'topology.kubernetes.io/zone')).toBe('eu-1');
    expect(topologyLabel(placed, 'topology.istio.io/subzone')).toBe('s');
    expect(topologyLabel({ ...placed, locality: '' }, 'topology.kubernetes.io/zone')).toBe('by-label');
    expect(topologyLabel(placed, 'toString')).toBe('');
  });

  it.each([
    [{}, true],
    [{ version: 'v1' }, true],
    [{ version: 'v2' }, false],
    [{ empty: '' }, true],
    [{ absent: '' }, false],
    [{ 'topology.istio.io/cluster': 'c1', version: 'v1' }, true],
    [{ 'topology.istio.io/cluster': 'c2' }, false],
    [{ 'topology.istio.io/network': 'n1' }, true],
    [{ 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' }, true],
    [{ 'kubernetes.io/hostname': 'node-1' }, true],
    [{ 'kubernetes.io/hostname': 'node-2' }, false],
  ])('%j is a subset that has it: %s', (selector, expected) => {
    expect(isInSubset(selector, placed)).toBe(expected);
  });
});
