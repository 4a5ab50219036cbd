// Clusters that an AUTO_PASSTHROUGH gateway passes the mesh's mutual TLS on to: they come and go with the Gateway, for mutual TLS alone.
import { describe, expect, it } from 'vitest';
import {
  builderOf,
  configApplied,
  configDeleted,
  endpointAt,
  endpointRegistered,
  httpService,
  recorded,
  resourceOf,
} from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { resourceToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { type Translation, typeUrls } from '../translation.ts';

const web = httpService('web');
const gateway = resourceOf('Gateway', 'cross-network', {
  selector: { istio: 'eastwestgateway' },
  servers: [
    { port: { number: 15443, name: 'tls', protocol: 'TLS' }, hosts: ['*.local'], tls: { mode: 'AUTO_PASSTHROUGH' } },
  ],
});
const rule = resourceOf('DestinationRule', 'web', {
  host: 'web',
  trafficPolicy: { tls: { mode: 'SIMPLE' } },
  subsets: [{ name: 'v1', labels: { version: 'v1' } }],
});
const context = sidecarContext({ type: 'router', labels: { istio: 'eastwestgateway' }, identity: 'SDS' });
const name = (subset: string) => `outbound_.80_.${subset}_.web.default.svc.cluster.local`;
const passing = (translation: Translation, type: (typeof typeUrls)['cluster' | 'endpoints']) =>
  translation
    .resources(type)
    .names()
    .filter((one) => one.startsWith('outbound_.'))
    .sort();

describe('a gateway with AUTO_PASSTHROUGH', () => {
  it('has clusters without TLS of their own while the Gateway is there, of endpoints that end mutual TLS', () => {
    const memo = createMemo();
    const builder = builderOf({ services: [web], config: [rule] });
    const step = (fact: ReturnType<typeof configApplied>) => {
      builder.apply(recorded(fact, builder.position + 1));
      const translation = translate(builder.snapshot(), context, memo);
      const anew = translate(builder.snapshot(), context, createMemo());
      for (const type of Object.values(typeUrls))
        expect(translation.resources(type).version).toBe(anew.resources(type).version);
      return translation;
    };
    expect(passing(translate(builder.snapshot(), context, memo), typeUrls.cluster)).toEqual([]);
    expect(passing(step(configApplied(gateway)), typeUrls.cluster)).toEqual([name(''), name('v1')]);
    const labels = { version: 'v1', 'security.istio.io/tlsMode': 'istio' };
    step(endpointRegistered(endpointAt(web, '10.0.0.1', { labels })));
    const full = step(endpointRegistered(endpointAt(web, '10.0.0.2', { labels: { version: 'v1' } })));
    const cluster = full.resources(typeUrls.cluster).get(name('v1'));
    expect(cluster && Object.keys(resourceToJson(cluster))).not.toContain('transportSocket');
    const addresses = (one: string) => {
      const assignment = full.resources(typeUrls.endpoints).get(one);
      const text = JSON.stringify(assignment && resourceToJson(assignment));
      return [...new Set(text.match(/10\.0\.0\.\d/g))];
    };
    expect(addresses(name('v1'))).toEqual(['10.0.0.1']);
    expect(addresses('outbound|80|v1|web.default.svc.cluster.local')).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(passing(step(configDeleted(gateway)), typeUrls.cluster)).toEqual([]);
  });

  it('leaves who may pass to the destination; of its rule all counts but the tunnel', () => {
    const pools = { connectionPool: { tcp: { idleTimeout: '7s' } }, tunnel: { targetHost: 'proxy', targetPort: 3128 } };
    const ruled = resourceOf('DestinationRule', 'web', { host: 'web', trafficPolicy: pools });
    const servers = [
      ...(gateway.spec as { servers: object[] }).servers,
      { port: { number: 9000, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] },
    ];
    const both = resourceOf('Gateway', 'cross-network', { selector: { istio: 'eastwestgateway' }, servers });
    const tcp = resourceOf('VirtualService', 'web', {
      hosts: ['web'],
      gateways: ['cross-network'],
      tcp: [{ route: [{ destination: { host: 'web', port: { number: 80 } } }] }],
    });
    const nobody = resourceOf('AuthorizationPolicy', 'nobody', {});
    const snapshot = builderOf({ services: [web], config: [both, ruled, tcp, nobody] }).snapshot();
    const listeners = translate(snapshot, context, createMemo()).resources(typeUrls.listener);
    const textOf = (listener: string) => {
      const resource = listeners.get(listener);
      return JSON.stringify(resource && resourceToJson(resource));
    };
    expect(textOf('0.0.0.0_9000')).toContain('network.rbac');
    expect(textOf('0.0.0.0_9000')).toContain('tunnelingConfig');
    const passed = textOf('0.0.0.0_15443');
    expect(passed).toContain(name(''));
    expect(passed).toContain('"idleTimeout":"7s"');
    expect(passed).not.toContain('network.rbac');
    expect(passed).not.toContain('tunnelingConfig');
  });

  it('is none of a sidecar’s business', () => {
    const builder = builderOf({ services: [web], config: [gateway] });
    const sidecar = sidecarContext({ labels: { istio: 'eastwestgateway' } });
    expect(passing(translate(builder.snapshot(), sidecar, createMemo()), typeUrls.cluster)).toEqual([]);
  });
});
