import { describe, expect, it } from 'vitest';
import { agentOptionsOf, type ProxyDefaults, type ProxyFlags } from './proxy.ts';

const defaults: ProxyDefaults = { type: 'sidecar', name: 'host-1', address: '10.0.0.9', workingDirectory: '/w' };
const optionsOf = (flags: ProxyFlags, more: Partial<ProxyDefaults> = {}) =>
  agentOptionsOf(flags, { ...defaults, ...more });

describe('agentOptionsOf', () => {
  it('takes what is not said from the machine', () => {
    expect(optionsOf({})).toEqual({
      identity: { type: 'sidecar', name: 'host-1', namespace: 'default', addresses: ['10.0.0.9'], labels: {} },
      pilotAddresses: ['127.0.0.1:15010'],
      folder: '/w/.periplus/proxies/host-1.default',
      ports: {},
    });
  });

  it('takes node metadata from the environment, as Istio’s agents do, but not what flags say', () => {
    const env = {
      ISTIO_META_NODE_NAME: 'node-1',
      ISTIO_META_ENABLE_SELF_DISCOVERY: 'true',
      ISTIO_META_NAMESPACE: 'x',
      PATH: '/',
    };
    expect(optionsOf({ namespace: 'prod' }, { env }).identity).toMatchObject({
      namespace: 'prod',
      metadata: { NODE_NAME: 'node-1', ENABLE_SELF_DISCOVERY: 'true' },
    });
    expect(optionsOf({}, { env }).identity.metadata).not.toHaveProperty('NAMESPACE');
  });

  it('reads every flag', () => {
    const options = optionsOf({
      pilot: ['a:1', '[::1]:2'],
      name: 'reviews-v1',
      namespace: 'prod',
      address: ['10.0.0.1', '10.0.0.2'],
      label: ['app=reviews', 'expr=a=b'],
      interceptionMode: 'NONE',
      httpProxyPort: 3128,
      statusPort: 1,
      readyPort: 0,
      drain: 2500,
      probe: 'tcp://127.0.0.1:9080',
    });
    expect(options).toMatchObject({
      identity: {
        addresses: ['10.0.0.1', '10.0.0.2'],
        labels: { app: 'reviews', expr: 'a=b' },
        interceptionMode: 'NONE',
        metadata: { HTTP_PROXY_PORT: '3128' },
      },
      pilotAddresses: ['a:1', '[::1]:2'],
      ports: { status: 1, readiness: 0 },
      drainSeconds: 2.5,
      probe: { url: 'tcp://127.0.0.1:9080' },
    });
  });

  it("makes a gateway the one that Istio's Gateways select", () => {
    expect(optionsOf({}, { type: 'router' }).identity.labels).toEqual({ istio: 'ingressgateway' });
    expect(optionsOf({ label: ['istio=egressgateway'] }, { type: 'router' }).identity.labels).toEqual({
      istio: 'egressgateway',
    });
  });

  it.each<[ProxyFlags, RegExp]>([
    [{ pilot: ['pilot'] }, /--pilot "pilot" is no address/],
    [{ pilot: ['pilot:99999'] }, /is no address/],
    [{ label: ['app'] }, /--label "app" is no label/],
    [{ probe: 'file:///etc/passwd' }, /is no probe/],
  ])('refuses %j', (flags, message) => {
    expect(() => optionsOf(flags)).toThrow(message);
  });
});
