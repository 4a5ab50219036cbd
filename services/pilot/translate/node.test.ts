// Reading nodes: Istio's id and metadata become a context; anything odd is refused with its reason.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { NodeSchema } from '../../../gen/envoy/config/core/v3/base_pb.js';
import { sidecarContext } from './context-fixture.ts';
import { contextKey, proxyContextOf, proxyContextOfJson } from './node.ts';

const id = 'sidecar~10.0.0.1~productpage-v1-abc.default~default.svc.cluster.local';

describe('proxyContextOf', () => {
  it("reads Istio's node", () => {
    const node = create(NodeSchema, {
      id,
      locality: { region: 'r1', zone: 'z1' },
      metadata: {
        NAMESPACE: 'shop',
        LABELS: { version: 'v1', app: 'productpage' },
        CLUSTER_ID: 'east',
        NETWORK: 'n1',
        SERVICE_ACCOUNT: 'bookinfo',
        INTERCEPTION_MODE: 'NONE',
        HTTP_PROXY_PORT: '15080',
        INSTANCE_IPS: '10.0.0.1,fe80::1',
        ISTIO_VERSION: '1.29.0',
        SESSION_TOKEN: 'not to be kept',
      },
    });
    expect(proxyContextOf(node)).toEqual({
      context: {
        type: 'sidecar',
        generator: 'envoy',
        namespace: 'shop',
        labels: { app: 'productpage', version: 'v1' },
        addresses: ['10.0.0.1', 'fe80::1'],
        dnsDomain: 'default.svc.cluster.local',
        clusterId: 'east',
        network: 'n1',
        locality: 'r1/z1',
        serviceAccount: 'bookinfo',
        interceptionMode: 'NONE',
        httpProxyPort: 15080,
        metadata: { ISTIO_VERSION: '1.29.0' },
        spanService: { cluster: '', semantic: 'productpage-v1-abc' },
      },
    });
  });

  it('takes the namespace from the id and the locality from a label where metadata say nothing', () => {
    const result = proxyContextOfJson({ id, metadata: { LABELS: { 'istio-locality': 'r1.z1' } }, unheardOf: 1 });
    expect(result).toMatchObject({
      context: { namespace: 'default', locality: 'r1/z1', interceptionMode: 'REDIRECT' },
    });
  });

  it('takes a gateway’s own word on what stands before it, and refuses one that makes no sense', () => {
    const of = (type: string, numTrustedProxies: unknown) =>
      proxyContextOfJson({
        id: id.replace('sidecar', type),
        metadata: { PROXY_CONFIG: { gatewayTopology: { numTrustedProxies } } },
      });
    expect(of('router', 2)).toMatchObject({ context: { proxyConfig: { gatewayTopology: { numTrustedProxies: 2 } } } });
    expect(of('sidecar', 2)).not.toHaveProperty('context.proxyConfig');
    expect(of('router', -1)).toEqual({
      problem: expect.stringMatching(/PROXY_CONFIG: gatewayTopology.numTrustedProxies: expected/),
    });
  });

  it('says when all addresses are IPv6', () => {
    const at = (address: string, more = '') =>
      proxyContextOfJson({ id: id.replace('10.0.0.1', address), metadata: { INSTANCE_IPS: more } });
    expect(at('2001:db8::1', '2001:db8::2')).toHaveProperty('context.isIpv6Only', true);
    expect(at('2001:db8::1', '10.0.0.1')).not.toHaveProperty('context.isIpv6Only');
    expect(at('10.0.0.1')).not.toHaveProperty('context.isIpv6Only');
  });

  it.each([
    ['an empty id', { id: '' }],
    ['a bare name', { id: 'envoy' }],
    ['another type', { id: id.replace('sidecar', 'ztunnel') }],
    ['an address that is none', { id: id.replace('10.0.0.1', '10.0.0.999') }],
    ['an id of a megabyte', { id: `sidecar~10.0.0.1~${'x'.repeat(1e6)}.default~d` }],
    ['control characters', { id: id.replace('abc', 'a\nb') }],
    ['a namespace that is a path', { id, metadata: { NAMESPACE: '../root' } }],
    ['labels that are no object', { id, metadata: { LABELS: ['a'] } }],
    ['a label that is no text', { id, metadata: { LABELS: { a: 1 } } }],
    [
      'too many labels',
      { id, metadata: { LABELS: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`l${i}`, ''])) } },
    ],
    [
      'too many addresses',
      { id, metadata: { INSTANCE_IPS: Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`).join() } },
    ],
    ['a wrong address', { id, metadata: { INSTANCE_IPS: 'localhost' } }],
    ['an unknown interception mode', { id, metadata: { INTERCEPTION_MODE: 'MAGIC' } }],
    ['an unknown generator', { id, metadata: { GENERATOR: 'api' } }],
    ['a port out of range', { id, metadata: { HTTP_PROXY_PORT: 99999 } }],
    ['metadata of a wrong type', { id, metadata: { CLUSTER_ID: {} } }],
    ['no object at all', 'node'],
    ['a field of a wrong type', { id: 7 }],
  ])('refuses %s', (_, node) => {
    expect(proxyContextOfJson(node)).toHaveProperty('problem', expect.stringMatching(/./));
  });

  it('keeps a label called __proto__ from doing anything', () => {
    const metadata = JSON.parse('{"LABELS": {"__proto__": "x"}}');
    const result = proxyContextOfJson({ id, metadata });
    expect('context' in result && Object.getPrototypeOf(result.context.labels)).toBe(Object.prototype);
  });
});

describe('contextKey', () => {
  it('is the same whatever order fields and labels come in', () => {
    const context = sidecarContext({ labels: { a: '1', b: '2' }, addresses: ['10.0.0.1', '10.0.0.2'] });
    const reordered = sidecarContext({ addresses: ['10.0.0.2', '10.0.0.1'], labels: { b: '2', a: '1' } });
    expect(contextKey(reordered)).toBe(contextKey(context));
  });

  it('differs when any field does', () => {
    const fields = {
      type: 'router',
      generator: 'grpc',
      namespace: 'x',
      labels: { a: 'b' },
      addresses: [],
      dnsDomain: 'x',
    } as const;
    const more = {
      clusterId: 'x',
      network: 'x',
      locality: 'x',
      serviceAccount: 'x',
      interceptionMode: 'NONE',
      httpProxyPort: 1,
      isIpv6Only: true,
      metadata: { a: 'b' },
    } as const;
    const changes = Object.entries({ ...fields, ...more });
    expect(changes.length).toBe(Object.keys(sidecarContext({ isIpv6Only: true, metadata: {} })).length);
    const keys = changes.map(([field, value]) => contextKey({ ...sidecarContext(), [field]: value }));
    expect(new Set([...keys, contextKey(sidecarContext())]).size).toBe(changes.length + 1);
  });
});
