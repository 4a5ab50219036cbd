import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../../events/envelope.ts';
import { deliveriesProjection } from '../../../mesh/deliveries.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { mutualTlsGaps } from './mutual-tls-gaps.ts';

const connected = (name: string, identity?: 'SDS') =>
  ({
    type: 'io.periplus.delivery.proxy-connected',
    position: 1,
    time: '',
    data: {
      proxyId: `sidecar~10.0.0.1~${name}.default~default.svc.cluster.local`,
      streamId: name,
      userAgent: 'envoy/1.40.0',
      context: { namespace: 'default', ...(identity && { identity }) },
    },
  }) as unknown as RecordedEvent;

describe('who still sends plaintext', () => {
  const web = httpService('web');
  const labels = { 'security.istio.io/tlsMode': 'istio' };
  const disable = resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'DISABLE' } });
  const gaps = (endpoints: Parameters<typeof snapshotOf>[0]['endpoints'], config: (typeof disable)[] = []) => {
    const deliveries = [connected('old'), connected('new', 'SDS')].reduce(
      (state, event) => deliveriesProjection.evolve(state, event),
      deliveriesProjection.init(),
    );
    const found = mutualTlsGaps(snapshotOf({ services: [web], endpoints: endpoints ?? [], config }), deliveries);
    return found.map(({ role, name, source }) => `${role} ${name}: ${source}`);
  };

  it('are proxies without an SVID, and callers of endpoints that say nothing of one', () => {
    expect(gaps([endpointAt(web, '10.0.0.1', { labels }), endpointAt(web, '10.0.0.2')])).toEqual([
      'sender old.default: its stream, in the deliveries log',
      `receiver ${web.hostname} 10.0.0.2: the registry`,
    ]);
  });

  it('are callers of endpoints for which a policy disables mutual TLS', () => {
    expect(gaps([endpointAt(web, '10.0.0.1', { labels })], [disable])).toContain(
      `receiver ${web.hostname} 10.0.0.1: the configuration`,
    );
  });
});
