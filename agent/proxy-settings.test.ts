// What settings of ProxyConfigs and annotations become: threads, variables, metadata.
import { describe, expect, it } from 'vitest';
import { mergeSettings } from '../mesh/agent-settings.ts';
import { concurrencyOf, environmentOf, withMetadata } from './proxy-settings.ts';

const identity = { addresses: ['10.0.0.1'], name: 'web-0', namespace: 'shop', labels: {} } as const;

describe('settings', () => {
  it('are merged as istiod does: later levels win, variables one by one', () => {
    const mesh = {
      concurrency: 4,
      proxyMetadata: { A: 'mesh', B: 'mesh' },
      readinessProbe: { tcpSocket: { port: 1 } },
    };
    const workload = { concurrency: 0, proxyMetadata: { B: 'workload' } };
    expect(mergeSettings([mesh, undefined, workload])).toEqual({
      ...mesh,
      concurrency: 0,
      proxyMetadata: { A: 'mesh', B: 'workload' },
    });
  });

  it('give threads: 0 is one a core, nothing is two', () => {
    expect([concurrencyOf({ concurrency: 0 }, 8), concurrencyOf({ concurrency: 3 }, 8), concurrencyOf({}, 8)]).toEqual([
      8, 3, 2,
    ]);
  });

  it('give variables, but none that would load other code into Envoy', () => {
    const proxyMetadata = { TEAM: 'blue', LD_PRELOAD: '/tmp/x.so', 'NOT A NAME': 'x' };
    expect(environmentOf({ proxyMetadata })).toEqual({ TEAM: 'blue' });
  });

  it('give metadata by ISTIO_META_, which do not change who the proxy is', () => {
    const proxyMetadata = { ISTIO_META_AUTO_REGISTER_GROUP: 'vms', ISTIO_META_NAMESPACE: 'kube-system', TEAM: 'blue' };
    expect(withMetadata(identity, { proxyMetadata }).metadata).toEqual({ AUTO_REGISTER_GROUP: 'vms' });
    expect(withMetadata(identity, {})).toBe(identity);
  });
});
