// Reports of health: the request as Istio's agents send it, and a clear failure while no Pilot is there.
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { DiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { HealthReporter, healthRequest } from './health-reporter.ts';
import { proxyNode } from './proxy-node.ts';

const node = proxyNode({ addresses: ['10.0.0.1'], name: 'web-0', namespace: 'shop', labels: { app: 'web' } });

describe('healthRequest', () => {
  it('names the node once, and carries an error only when unhealthy', () => {
    const first = fromBinary(DiscoveryRequestSchema, healthRequest({ healthy: true, reason: '' }, node));
    expect(first.node?.id).toBe('sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local');
    expect(first.node?.userAgentName).toBe('periplus-agent');
    expect([first.typeUrl, first.errorDetail]).toEqual(['type.googleapis.com/istio.v1.HealthInformation', undefined]);
    const next = fromBinary(DiscoveryRequestSchema, healthRequest({ healthy: false, reason: 'answered 500' }));
    expect([next.node, next.errorDetail?.message]).toEqual([undefined, 'answered 500']);
  });
});

describe('HealthReporter', () => {
  it('rejects, naming the Pilot, when none is there, and tries the next when run again', async () => {
    const reporter = new HealthReporter({ pilotAddresses: ['127.0.0.1:1', '127.0.0.1:2'], node });
    reporter.report({ healthy: true, reason: '' });
    const { signal } = new AbortController();
    await expect(reporter.run(signal)).rejects.toThrow('Pilot at 127.0.0.1:1');
    await expect(reporter.run(signal)).rejects.toThrow('Pilot at 127.0.0.1:2');
  });

  it('ends at once when it is stopped', async () => {
    const reporter = new HealthReporter({ pilotAddresses: ['127.0.0.1:1'], node });
    await expect(reporter.run(AbortSignal.abort())).resolves.toBeUndefined();
  });
});
