// What a connected proxy's WorkloadEntry is called and holds (Istio's auto-registration).
import { describe, expect, it } from 'vitest';
import type { WorkloadGroupSpec } from '../../../mesh/config/schemas/workload-group.ts';
import { resourceOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../translate/context-fixture.ts';
import { entryToWrite, isControlledBy, type Registrant, registrantOf } from './registered-entry.ts';

const idOf = (address: string) => `sidecar~${address}~vm.default~default.svc.cluster.local`;
const metadata = { AUTO_REGISTER_GROUP: 'vms' };
const at = { controller: 'pilot-a', time: '2026-01-01T00:00:00.000Z' };

const group = resourceOf<WorkloadGroupSpec>('WorkloadGroup', 'vms', {
  metadata: { labels: { app: 'group', group: 'yes' }, annotations: { note: 'x' } },
  template: { serviceAccount: 'vm', ports: { http: 8080 }, network: 'old', labels: { app: 'template', tier: 't' } },
});

function registrant(over: Parameters<typeof sidecarContext>[0] = {}, address = '10.0.0.7'): Registrant {
  const found = registrantOf(idOf(address), sidecarContext({ addresses: ['10.0.0.1', address], metadata, ...over }));
  if (found === undefined) throw new Error('not a registrant');
  return found;
}

describe('a registrant', () => {
  it('is a sidecar that names a group', () => {
    expect(registrantOf(idOf('10.0.0.7'), sidecarContext())).toBeUndefined();
    expect(registrantOf(idOf('10.0.0.7'), sidecarContext({ metadata, type: 'router' }))).toBeUndefined();
    expect(registrantOf(idOf(''), sidecarContext({ metadata, addresses: [] }))).toBeUndefined();
  });

  it('is named by group, its own address and network', () => {
    expect(registrant().entry).toBe('vms-10.0.0.7');
    expect(registrant({ network: 'n1' }).entry).toBe('vms-10.0.0.7-n1');
    expect(registrant({}, '2001:db8::1').entry).toBe('vms-2001-db8--1');
    const long = registrant({ metadata: { AUTO_REGISTER_GROUP: 'g'.repeat(300) } }).entry;
    expect([long.length, long.endsWith('g-10.0.0.7')]).toEqual([253, true]);
  });
});

describe('an entry', () => {
  it('has the template’s fields, its labels overridden by the group’s and those by the proxy’s', () => {
    const context = { labels: { app: 'own', 'istio-locality': 'r.z' }, network: 'n1', locality: 'r/z' };
    expect(entryToWrite(registrant(context), group, undefined, at)).toEqual({
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      namespace: 'default',
      name: 'vms-10.0.0.7-n1',
      labels: { app: 'own', group: 'yes', tier: 't' },
      annotations: {
        'istio.io/autoRegistrationGroup': 'vms',
        note: 'x',
        'istio.io/workloadController': 'pilot-a',
        'istio.io/connectedAt': at.time,
      },
      spec: {
        address: '10.0.0.7',
        serviceAccount: 'vm',
        ports: { http: 8080 },
        network: 'n1',
        locality: 'r/z',
        labels: { app: 'own', group: 'yes', tier: 't' },
      },
    });
  });

  it('that is ours or that people wrote is left alone; another Pilot’s is taken over as it is', () => {
    const entry = entryToWrite(registrant(), group, undefined, at);
    if (entry === undefined) throw new Error('no entry');
    expect(entryToWrite(registrant(), group, entry, { ...at, time: 'later' })).toBeUndefined();
    expect(entryToWrite(registrant(), group, { ...entry, annotations: {} }, at)).toBeUndefined();
    const changed = { ...entry, spec: { ...entry.spec, weight: 7 } };
    const taken = entryToWrite(registrant(), group, changed, { controller: 'pilot-b', time: 'later' });
    expect(taken?.spec.weight).toBe(7);
    expect(taken && [isControlledBy(taken, 'pilot-a'), isControlledBy(taken, 'pilot-b')]).toEqual([false, true]);
  });

  it('of a group with a probe says that its health is reported', () => {
    const probed = { ...group, spec: { ...group.spec, probe: { tcpSocket: { port: 80 } } } };
    expect(entryToWrite(registrant(), probed, undefined, at)?.annotations).toHaveProperty(
      ['proxy.istio.io/health-checks-enabled'],
      'true',
    );
  });
});
