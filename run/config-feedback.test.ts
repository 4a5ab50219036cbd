import { describe, expect, it } from 'vitest';
import {
  type DeliveriesState,
  deliveriesProjection,
  type ProxyDelivery,
  type RejectionRecord,
} from '../mesh/deliveries.ts';
import { distributionAt } from './config-feedback.ts';

const id = (name: string) => `sidecar~10.0.0.1~${name}.x~x.svc.cluster.local`;
const stream = (name: string, position: number, settled = true) => ({
  proxyId: id(name),
  streamId: `s-${name}`,
  position,
  settled,
});

function deliveriesWith(name: string, rejected: Partial<RejectionRecord>, isConnected = true): DeliveriesState {
  const record = { streamId: 's', nonce: '1', position: 10, time: '', code: 13, message: 'bad', ...rejected };
  const streams = new Map(isConnected ? [['s', {} as never]] : []);
  const proxy: ProxyDelivery = {
    proxyId: id(name),
    streams,
    agents: new Map(),
    types: new Map([['t', { rejected: record }]]),
  };
  return { ...deliveriesProjection.init(), proxies: new Map([[proxy.proxyId, proxy]]) };
}

describe('distributionAt', () => {
  it('counts proxies, each as far as its slowest stream', () => {
    const streams = [stream('a', 10), stream('b', 9), stream('c', 12), stream('c', 12, false)];
    const found = distributionAt(10, streams, deliveriesProjection.init());
    expect(found).toEqual({ proxies: 3, waiting: 2, laggards: ['b.x', 'c.x'], refusals: [] });
  });

  it('sets refusals of this position and later ones apart, with what they came from once that is known', () => {
    const streams = [stream('a', 10), stream('b', 10)];
    const at = (rejected: Partial<RejectionRecord>, isConnected = true) =>
      distributionAt(10, streams, deliveriesWith('a', rejected, isConnected)).refusals;
    expect(at({})).toEqual([{ proxy: 'a.x', message: 'bad', subjects: [] }]);
    const causes = [{ position: 9, id: 'i', type: 't', subject: 'config/EnvoyFilter/x/y' }];
    expect(at({ traced: { resources: [], causes } })[0]?.subjects).toEqual(['config/EnvoyFilter/x/y']);
    expect(at({ position: 9 })).toEqual([]);
    expect(at({}, false)).toEqual([]);
    expect(distributionAt(10, streams, deliveriesWith('a', {}))).toMatchObject({ proxies: 2, waiting: 0 });
  });
});
