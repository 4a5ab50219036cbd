import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../events/envelope.ts';
import { connectedIdentities } from './connected-identities.ts';
import { agentUserAgent, deliveriesProjection, proxyConfigTypeUrl } from './deliveries.ts';

const proxyId = 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local';
const context = { identity: 'SDS', namespace: 'shop', serviceAccount: 'web' };
const spiffeId = 'spiffe://cluster.local/ns/shop/sa/web';
type Told = { readonly type: string; readonly data: object };
const connected = (streamId: string, userAgent: string, more: object = {}) => ({
  type: 'proxy-connected',
  data: { proxyId, streamId, userAgent, context, ...more },
});
const answer = (type: 'acknowledged' | 'rejected', position: number) => ({
  type,
  data: { proxyId, streamId: 'agent', typeUrl: proxyConfigTypeUrl, nonce: String(position), position },
});
const disconnected = (streamId: string) => ({ type: 'proxy-disconnected', data: { proxyId, streamId, reason: '' } });
const fold = (...events: Told[]) =>
  events.reduce(
    (state, { type, data }, index) =>
      deliveriesProjection.evolve(state, {
        type: `io.periplus.delivery.${type}`,
        data,
        position: index + 1,
        time: '',
      } as unknown as RecordedEvent),
    deliveriesProjection.init(),
  );
const identities = (...events: Told[]) => connectedIdentities(fold(...events), 'cluster.local');

describe('connected proxies with an identity', () => {
  it('use the newest bundle that their agent acknowledged', () => {
    const agent = connected('agent', agentUserAgent, { spiffeId });
    const before = [connected('envoy', 'envoy/1.40.0'), agent];
    expect(identities(...before)).toEqual([{ proxy: 'web-0.shop', spiffeId, bundlePosition: undefined }]);
    expect(identities(...before, answer('acknowledged', 7))[0]?.bundlePosition).toBe(7);
    expect(identities(...before, answer('acknowledged', 7), answer('rejected', 9))[0]?.bundlePosition).toBeUndefined();
  });

  it('are none once Envoy and agent have left, or without an identity', () => {
    expect(identities(connected('envoy', 'envoy/1.40.0'), disconnected('envoy'))).toEqual([]);
    expect(identities(connected('envoy', 'envoy/1.40.0', { context: { namespace: 'shop' } }))).toEqual([]);
  });

  it('an agent alone does not make its proxy connected', () => {
    const state = fold(connected('envoy', 'envoy/1.40.0'), connected('agent', agentUserAgent), disconnected('envoy'));
    expect(state.proxies.get(proxyId)?.streams.size).toBe(0);
    expect(state.proxies.get(proxyId)?.left).toBeDefined();
  });
});
