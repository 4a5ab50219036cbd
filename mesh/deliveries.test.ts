import { describe, expect, it } from 'vitest';
import type { DeliveryFact, ManifestEntry } from '../events/delivery-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { fold } from '../events/projection.ts';
import { deliveriesProjection, deliveryStatus } from './deliveries.ts';
import { heldBy } from './held-resources.ts';
import { recorded } from './snapshot-fixture.ts';

const proxyId = 'sidecar~10.0.0.1~web.default~default.svc.cluster.local';
const cluster = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
type Bare = { readonly type: DeliveryFact['type']; readonly data: unknown };

const connect = (streamId: string): Bare => ({
  type: 'io.periplus.delivery.proxy-connected',
  data: {
    proxyId,
    streamId,
    pilot: 'p1',
    peer: '10.0.0.1:1',
    userAgent: 'envoy/1.40',
    protocol: 'delta',
    context: {},
    position: 1,
  },
});
const disconnect = (streamId: string): Bare => ({
  type: 'io.periplus.delivery.proxy-disconnected',
  data: { proxyId, streamId, reason: 'reset' },
});
const manifest = (name: string, resources: readonly ManifestEntry[], removed: readonly string[] = []): Bare => ({
  type: 'io.periplus.delivery.manifest-recorded',
  data: { manifest: name, typeUrl: cluster, resources, removed },
});
const push = (streamId: string, nonce: string, of: string, position: number, whole = false): Bare => ({
  type: 'io.periplus.delivery.pushed',
  data: { proxyId, streamId, typeUrl: cluster, nonce, position, manifest: of, whole, bytes: 10 },
});
const ack = (streamId: string, nonce: string, position: number): Bare => ({
  type: 'io.periplus.delivery.acknowledged',
  data: { proxyId, streamId, typeUrl: cluster, nonce, position, latencyMs: 3 },
});
const nack = (streamId: string, nonce: string, position: number): Bare => ({
  type: 'io.periplus.delivery.rejected',
  data: { proxyId, streamId, typeUrl: cluster, nonce, position, code: 13, message: 'no such filter' },
});

const events = (facts: readonly Bare[]): RecordedEvent[] =>
  facts.map((fact, index) => recorded({ ...fact, subject: `proxy/${proxyId}` }, index + 1));
const proxyAfter = (...facts: Bare[]) => fold(deliveriesProjection, events(facts)).proxies.get(proxyId);
const statusAfter = (...facts: Bare[]) => deliveryStatus(proxyAfter(...facts)?.types.get(cluster));
const end = '2027-01-01T00:00:00.000Z';
const heldAfter = (facts: readonly Bare[], time = end) =>
  Object.fromEntries(
    [...(heldBy(events(facts), proxyId, time).get(cluster) ?? [])].map(([name, held]) => [
      name,
      `${held.version}@${held.position}`,
    ]),
  );

describe('deliveries', () => {
  it('says NOT SENT, STALE, SYNCED and ERROR as istioctl does', () => {
    expect(statusAfter(connect('s'))).toBe('NOT SENT');
    expect(statusAfter(connect('s'), push('s', '1', 'm', 5))).toBe('STALE');
    expect(statusAfter(connect('s'), push('s', '1', 'm', 5), ack('s', '1', 5))).toBe('SYNCED');
    expect(statusAfter(connect('s'), push('s', '1', 'm', 5), nack('s', '1', 5))).toBe('ERROR');
  });

  it('keeps an error while newer pushes wait, clears it when one is acknowledged', () => {
    const refused = [connect('s'), push('s', '1', 'm', 5), nack('s', '1', 5), push('s', '2', 'm', 6)];
    expect(statusAfter(...refused)).toBe('ERROR');
    expect(proxyAfter(...refused)?.types.get(cluster)).toMatchObject({
      rejected: { nonce: '1', position: 5, message: 'no such filter' },
    });
    const cured = proxyAfter(...refused, ack('s', '2', 6))?.types.get(cluster);
    expect(cured).toMatchObject({ acknowledged: { nonce: '2', position: 6, latencyMs: 3 } });
    expect(cured?.rejected).toBeUndefined();
  });

  it('does not let a late acknowledgement of an older push hide an error', () => {
    expect(
      statusAfter(connect('s'), push('s', '1', 'm', 5), push('s', '2', 'm', 6), nack('s', '2', 6), ack('s', '1', 5)),
    ).toBe('ERROR');
  });

  it('keeps what was acknowledged over a reconnect, and forgets what was on its way', () => {
    const first = [connect('s'), push('s', '1', 'm', 5), ack('s', '1', 5), push('s', '2', 'm', 6)];
    expect(statusAfter(...first)).toBe('STALE');
    expect(proxyAfter(...first, disconnect('s'))).toMatchObject({ left: { reason: 'reset' } });
    const back = proxyAfter(...first, disconnect('s'), connect('t'));
    expect(back?.left).toBeUndefined();
    expect([...(back?.streams.keys() ?? [])]).toEqual(['t']);
    expect(deliveryStatus(back?.types.get(cluster))).toBe('SYNCED');
    expect(back?.types.get(cluster)?.acknowledged?.position).toBe(5);
  });
});

describe('heldBy', () => {
  const start = [
    connect('s'),
    manifest('m1', [
      ['a', 'v1'],
      ['b', 'v1'],
    ]),
    push('s', '1', 'm1', 5, true),
    ack('s', '1', 5),
    manifest(
      'm2',
      [
        ['a', 'v2'],
        ['c', 'v1'],
      ],
      ['b'],
    ),
    push('s', '2', 'm2', 6),
  ];

  it('is what was acknowledged: an unanswered or refused push does not count', () => {
    expect(heldAfter(start.slice(0, 3))).toEqual({});
    expect(heldAfter(start)).toEqual({ a: 'v1@5', b: 'v1@5' });
    expect(heldAfter([...start, nack('s', '2', 6)])).toEqual({ a: 'v1@5', b: 'v1@5' });
    expect(heldAfter([...start, ack('s', '2', 6)])).toEqual({ a: 'v2@6', c: 'v1@6' });
  });

  it('is as of the time asked for', () => {
    const facts = [...start, ack('s', '2', 6)];
    const acknowledged = events(facts).at(-1)?.time as string;
    expect(heldAfter(facts, acknowledged)).toEqual({ a: 'v2@6', c: 'v1@6' });
    expect(heldAfter(facts, new Date(Date.parse(acknowledged) - 1).toISOString())).toEqual({ a: 'v1@5', b: 'v1@5' });
  });

  it('replaces everything by a whole push, where unchanged contents keep their position', () => {
    const facts = [
      ...start.slice(0, 4),
      manifest('m3', [
        ['a', 'v1'],
        ['d', 'v1'],
      ]),
      push('s', '3', 'm3', 9, true),
      ack('s', '3', 9),
    ];
    expect(heldAfter(facts)).toEqual({ a: 'v1@5', d: 'v1@9' });
  });

  it('counts earlier pushes that were neither refused nor answered when a later one is acknowledged, but none of an ended stream', () => {
    const next = [manifest('m4', [['d', 'v1']]), push('s', '4', 'm4', 7)];
    expect(heldAfter([...start, ...next, ack('s', '4', 7)])).toEqual({ a: 'v2@6', c: 'v1@6', d: 'v1@7' });
    const cut = [
      ...start,
      disconnect('s'),
      connect('t'),
      manifest('m4', [['d', 'v1']]),
      push('t', '1', 'm4', 7),
      ack('t', '1', 7),
    ];
    expect(heldAfter(cut)).toEqual({ a: 'v1@5', b: 'v1@5', d: 'v1@7' });
  });
});
