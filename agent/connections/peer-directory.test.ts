// Addresses are found among the proxy's endpoints, which are read no more often than it takes.
import { describe, expect, it } from 'vitest';
import { PeerDirectory, workloadsIn } from './peer-directory.ts';

const host = (address: string, workload: string, app?: string) => ({
  endpoint: { address: { socket_address: { address, port_value: 80 } } },
  metadata: { filter_metadata: { istio: { workload }, ...(app ? { periplus: { app } } : {}) } },
});
const dumpOf = (...hosts: readonly unknown[]) => ({
  configs: [{ endpoint_config: { cluster_name: 'c', endpoints: [{ lb_endpoints: hosts }] } }],
});

describe('workloadsIn', () => {
  it('names a workload at its address, with the labels that Istio’s text does not tell', () => {
    const known = workloadsIn(
      dumpOf(host('10.0.0.1', 'web-v1;shop;web;v1;c1'), host('10.0.0.2', 'w;shop;w;latest;c1', 'a;b')),
    );
    expect(known.get('10.0.0.1')).toMatchObject({ workload: 'web-v1', namespace: 'shop', app: 'web', version: 'v1' });
    expect(known.get('10.0.0.2')).toMatchObject({ workload: 'w', app: 'a', version: 'b' });
  });

  it('names nobody at an address that two workloads share; one of two services is one workload', () => {
    const web = host('10.0.0.1', 'web-v1;shop;web;v1;c1');
    expect(workloadsIn(dumpOf(web, web)).size).toBe(1);
    expect(workloadsIn(dumpOf(web, host('10.0.0.1', 'db-v1;shop;db;v1;c1'), web)).size).toBe(0);
  });

  it.each([undefined, 'x', { configs: 1 }, { configs: [{ endpoint_config: { endpoints: [null] } }] }])(
    'finds nobody in %j',
    (dump) => expect(workloadsIn(dump).size).toBe(0),
  );
});

describe('PeerDirectory', () => {
  function directory() {
    const state = { nowMs: 1_000_000, reads: 0, hosts: [host('10.0.0.1', 'web-v1;shop;web;v1;c1')], fails: false };
    const endpoints = async () => {
      state.reads++;
      if (state.fails) throw new Error('away');
      return dumpOf(...state.hosts);
    };
    const clock = { nowMs: () => state.nowMs, sleep: async () => {} };
    return { state, peers: new PeerDirectory({ endpoints, clock }) };
  }

  it('reads once for many who ask, and at most every ten seconds for strangers', async () => {
    const { state, peers } = directory();
    const found = await Promise.all([peers.find('10.0.0.1'), peers.find('10.0.0.9'), peers.find('10.0.0.1')]);
    expect(found.map((facts) => facts?.workload)).toEqual(['web-v1', undefined, 'web-v1']);
    expect(state.reads).toBe(1);
    await peers.find('10.0.0.9');
    expect(state.reads).toBe(1);
    state.hosts.push(host('10.0.0.9', 'new-v1;shop;new;v1;c1'));
    state.nowMs += 10_001;
    expect((await peers.find('10.0.0.9'))?.workload).toBe('new-v1');
    expect(state.reads).toBe(2);
  });

  it('learns within a minute that an address has gone to another, and keeps what it knew while Envoy is away', async () => {
    const { state, peers } = directory();
    await peers.find('10.0.0.1');
    state.hosts = [host('10.0.0.1', 'other-v1;shop;other;v1;c1')];
    state.fails = true;
    state.nowMs += 60_001;
    expect((await peers.find('10.0.0.1'))?.workload).toBe('web-v1');
    state.fails = false;
    state.nowMs += 60_001;
    expect((await peers.find('10.0.0.1'))?.workload).toBe('other-v1');
  });
});
