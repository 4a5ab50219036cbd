import { describe, expect, it } from 'vitest';
import type { DeliveryFact } from '../../../events/delivery-facts.ts';
import { fold } from '../../../events/projection.ts';
import { deliveriesProjection } from '../../../mesh/deliveries.ts';
import { recorded } from '../../../mesh/snapshot-fixture.ts';
import { progressElsewhere } from './progress-elsewhere.ts';

type Bare = { readonly type: DeliveryFact['type']; readonly data: unknown };
const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const connect = (proxyId: string, pilot: string): Bare => ({
  type: 'io.periplus.delivery.proxy-connected',
  data: {
    proxyId,
    streamId: `s-${proxyId}`,
    pilot,
    peer: '',
    userAgent: '',
    protocol: 'delta',
    context: {},
    position: 1,
  },
});
const push = (proxyId: string): Bare => ({
  type: 'io.periplus.delivery.pushed',
  data: { proxyId, streamId: `s-${proxyId}`, typeUrl, nonce: '1', position: 1, manifest: 'm', whole: true, bytes: 1 },
});
const ack = (proxyId: string): Bare => ({
  type: 'io.periplus.delivery.acknowledged',
  data: { proxyId, streamId: `s-${proxyId}`, typeUrl, nonce: '1', position: 1, latencyMs: 1 },
});
const progressed = (position: number, waiting: number, ...laggards: string[]): Bare => ({
  type: 'io.periplus.delivery.pilot-progressed',
  data: { pilot: 'two', position, waiting, laggards },
});
const progressAfter = (...facts: Bare[]) =>
  progressElsewhere(
    fold(
      deliveriesProjection,
      facts.map((fact, i) => recorded({ ...fact, subject: 'x' }, i + 1)),
    ),
    'one',
  ).map(({ proxyId, position, settled }) => `${proxyId} ${position} ${settled}`);
const served = (proxyId: string) => [connect(proxyId, 'two'), push(proxyId), ack(proxyId)];

describe('progressElsewhere', () => {
  it('is that of other Pilots’ streams, as these announced it', () => {
    expect(progressAfter(connect('mine', 'one'), ...served('a'), progressed(7, 0))).toEqual(['a 7 true']);
  });

  it('is nothing before the Pilot has announced anything', () => {
    expect(progressAfter(...served('a'))).toEqual(['a 0 true']);
  });

  it('leaves out the named ones, and all where there are more than names', () => {
    expect(progressAfter(...served('a'), ...served('b'), progressed(7, 1, 'b'))).toEqual(['a 7 true', 'b 7 false']);
    expect(progressAfter(...served('a'), ...served('b'), progressed(7, 2, 'b'))).toEqual(['a 7 false', 'b 7 false']);
  });

  it('does not count a proxy that came after the announcement before it has answered', () => {
    expect(progressAfter(progressed(7, 0), connect('new', 'two'))).toEqual(['new 7 false']);
    expect(progressAfter(progressed(7, 0), connect('new', 'two'), push('new'))).toEqual(['new 7 false']);
  });
});
