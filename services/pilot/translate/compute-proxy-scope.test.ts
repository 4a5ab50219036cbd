// What a proxy sees: exportTo, Sidecar selection, egress hosts, its own instances.
import { describe, expect, it } from 'vitest';
import type { ConfigResource, Service } from '../../../events/model.ts';
import { endpointAt, httpService, type MeshFixture, resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { proxyScope } from './compute-proxy-scope.ts';
import { sidecarContext } from './context-fixture.ts';
import { createMemo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';

const scopeOf = (mesh: MeshFixture, over: Partial<ProxyContext> = {}) =>
  proxyScope(snapshotOf(mesh), sidecarContext(over), createMemo());
const seen = (mesh: MeshFixture, over: Partial<ProxyContext> = {}) =>
  scopeOf(mesh, over).egress.map(({ services }) => services.map(({ namespace, name }) => `${namespace}/${name}`));
const sidecar = (name: string, spec: object, over: Partial<ConfigResource<object>> = {}) =>
  resourceOf('Sidecar', name, spec, over);

describe('visible services', () => {
  it.each([
    [undefined, ['default', 'other']],
    [['*'], ['default', 'other']],
    [['.'], ['default']],
    [['other'], ['other']],
    [['~'], []],
    [['~', 'other'], []],
    [
      ['.', 'other'],
      ['default', 'other'],
    ],
  ])('exported to %j are seen in %j', (exportTo, namespaces) => {
    const services = [httpService('web', exportTo && { exportTo })];
    const by = ['default', 'other'].filter((namespace) => seen({ services }, { namespace })[0]?.length === 1);
    expect(by).toEqual(namespaces);
  });

  it('are ordered by age, then by name, then by namespace', () => {
    const services = [
      httpService('b', { createdAt: '2026-01-02T00:00:00Z' }),
      httpService('c', { createdAt: '2026-01-01T00:00:00Z' }),
      httpService('a', { createdAt: '2026-01-02T01:00:00+01:00' }),
    ];
    expect(seen({ services })).toEqual([['default/c', 'default/a', 'default/b']]);
    const twins = ['y', 'x'].flatMap((namespace) => ['a-b', 'a'].map((name) => httpService(name, { namespace })));
    expect(seen({ services: twins })).toEqual([['x/a', 'y/a', 'x/a-b', 'y/a-b']]);
  });

  it("of one hostname are the proxy's own namespace's, the platform's own, the one for few, the oldest", () => {
    const host = (namespace: string, over: Partial<Service>) =>
      httpService('web', { hostname: 'web.example.com', namespace, ...over });
    const entry = { platform: 'service-entry' };
    const old = { ...entry, createdAt: '2020-01-01T00:00:00Z' };
    const young = { ...entry, createdAt: '2021-01-01T00:00:00Z' };
    expect(seen({ services: [host('a', young), host('b', old)] })).toEqual([['b/web']]);
    expect(seen({ services: [host('a', { ...young, platform: 'kubernetes' }), host('b', old)] })).toEqual([['a/web']]);
    expect(seen({ services: [host('a', { ...young, exportTo: ['default'] }), host('b', old)] })).toEqual([['a/web']]);
    const forFew = host('a', { ...old, exportTo: ['default'] });
    expect(seen({ services: [forFew, host('b', { ...young, platform: 'kubernetes' })] })).toEqual([['b/web']]);
    const own = host('default', young);
    expect(seen({ services: [own, host('b', old)] })).toEqual([['default/web']]);
    expect(seen({ services: [own, host('b', { ...old, platform: 'kubernetes' })] })).toEqual([['default/web']]);
    expect(seen({ services: [own, host('b', old)] }, { namespace: 'third' })).toEqual([['b/web']]);
    expect(seen({ services: [own, host('b', old)] }, { type: 'router' })).toEqual([['b/web']]);
  });

  it('are shared by namespaces that have no service of a hostname that others have, too', () => {
    const web = (namespace: string) => httpService('web', { hostname: 'web.example.com', namespace });
    const snapshot = snapshotOf({ services: [web('a'), web('b')] });
    const memo = createMemo();
    const egress = (namespace: string) => proxyScope(snapshot, sidecarContext({ namespace }), memo).egress;
    expect(egress('y')).toBe(egress('z'));
    expect(egress('b')[0]?.services.map(({ namespace }) => namespace)).toEqual(['b']);
    expect(egress('y')[0]?.services.map(({ namespace }) => namespace)).toEqual(['a']);
  });

  it('are the same array for namespaces that see the same', () => {
    const snapshot = snapshotOf({ services: [httpService('a'), httpService('b', { exportTo: ['x'] })] });
    const memo = createMemo();
    const services = (namespace: string) =>
      proxyScope(snapshot, sidecarContext({ namespace }), memo).egress[0]?.services;
    expect(services('y')).toBe(services('z'));
    expect(services('x')).toHaveLength(2);
  });
});

describe('the Sidecar that applies', () => {
  const config = [
    sidecar('everyone', {}, { namespace: 'istio-system' }),
    sidecar('namespace', {}),
    sidecar('web', { workloadSelector: { labels: { app: 'web' } } }, { createdAt: '2026-01-01T00:00:00Z' }),
    sidecar('later', { workloadSelector: { labels: { app: 'web' } } }, { createdAt: '2026-02-01T00:00:00Z' }),
    sidecar('root-api', { workloadSelector: { labels: { app: 'api' } } }, { namespace: 'istio-system' }),
  ];
  const chosen = (over: Partial<ProxyContext>) => scopeOf({ config }, over).sidecar?.name;

  it('is the oldest that selects the workload, else the namespace-wide one, else the root namespace default', () => {
    expect(chosen({ labels: { app: 'web', version: 'v1' } })).toBe('web');
    expect(chosen({ labels: { app: 'other' } })).toBe('namespace');
    expect(chosen({ namespace: 'other', labels: { app: 'api' } })).toBe('everyone');
  });

  it('is none for a gateway', () => {
    expect(chosen({ type: 'router' })).toBeUndefined();
  });

  it('decides the outbound traffic policy', () => {
    const policy = (outboundTrafficPolicy?: object) =>
      scopeOf({ config: [sidecar('s', { ...(outboundTrafficPolicy && { outboundTrafficPolicy }) })] })
        .outboundTrafficPolicy;
    expect(policy()).toBe('ALLOW_ANY');
    expect(policy({ mode: 'REGISTRY_ONLY' })).toBe('REGISTRY_ONLY');
    expect(policy({})).toBe('REGISTRY_ONLY');
  });
});

describe('egress listeners', () => {
  const services = [
    httpService('a'),
    httpService('b', { namespace: 'other' }),
    httpService('w', { hostname: '*.example.com', platform: 'service-entry' }),
    httpService('x', { hostname: 'x.example.com', namespace: 'other', platform: 'service-entry' }),
    httpService('t', { ports: [{ name: 'tcp', port: 9000, protocol: 'TCP' }] }),
  ];
  const virtualService = (name: string, hosts: string[], over: Partial<ConfigResource<object>> = {}) =>
    resourceOf('VirtualService', name, { hosts }, over);
  const egress = (...listeners: object[]) => sidecar('s', { egress: listeners });

  it.each([
    [['./*'], ['default/a', 'default/t', 'default/w']],
    [['*/*'], ['default/a', 'other/b', 'default/t', 'default/w', 'other/x']],
    [['other/*'], ['other/b', 'other/x']],
    [['~/*'], []],
    [
      ['*/*', '~other/*'],
      ['default/a', 'default/t', 'default/w'],
    ],
    [
      ['~./a.default.svc.cluster.local', './*'],
      ['default/t', 'default/w'],
    ],
    [
      ['*/*', '~/*.example.com'],
      ['default/a', 'other/b', 'default/t'],
    ],
    [['*/*.example.com'], ['default/w', 'other/x']],
    [['*/x.example.com'], ['other/x']],
    [['*/b.other.svc.cluster.local'], ['other/b']],
  ])('with hosts %j have %j', (hosts, expected) => {
    expect(seen({ services, config: [egress({ hosts })] })).toEqual([expected]);
  });

  it('with a port have only services with that port, and each listener its own', () => {
    const config = [egress({ port: { number: 9000, protocol: 'TCP' }, hosts: ['*/*'] }, { hosts: ['other/*'] })];
    expect(seen({ services, config })).toEqual([['default/t'], ['other/b', 'other/x']]);
  });

  it("prefer the proxy's own namespace for a hostname that several have", () => {
    const twins = [
      httpService('web', { hostname: 'web.example.com', namespace: 'a', createdAt: '2020-01-01T00:00:00Z' }),
      httpService('web', { hostname: 'web.example.com', createdAt: '2021-01-01T00:00:00Z' }),
    ];
    expect(seen({ services: twins, config: [egress({ hosts: ['*/*'] })] })).toEqual([['default/web']]);
    expect(seen({ services: twins, config: [egress({ hosts: ['a/*'] })] })).toEqual([['a/web']]);
  });

  it("prefer a platform's own service to a ServiceEntry of another namespace", () => {
    const twins = [
      httpService('web', {
        hostname: 'w.x',
        namespace: 'a',
        platform: 'service-entry',
        createdAt: '2020-01-01T00:00:00Z',
      }),
      httpService('web', {
        hostname: 'w.x',
        namespace: 'b',
        platform: 'kubernetes',
        createdAt: '2021-01-01T00:00:00Z',
      }),
    ];
    expect(seen({ services: twins, config: [egress({ hosts: ['*/*'] })] })).toEqual([['b/web']]);
  });

  it('have VirtualServices for more names than they select, none for excluded ones', () => {
    const config = [
      egress({ hosts: ['./x.example.com', './a.default.svc.cluster.local', '~./y.example.com'] }),
      virtualService('any', ['*.example.com']),
      virtualService('other', ['*.example.org']),
      virtualService('excluded', ['y.example.com']),
    ];
    const names = scopeOf({ services, config }).egress[0]?.virtualServices.map(({ name }) => name);
    expect(names).toEqual(['any']);
  });

  it('have VirtualServices of their namespace alone first, then those exported to it, then those for all', () => {
    const at = (day: number, namespace = 'default') => ({ namespace, createdAt: `2026-01-0${day}T00:00:00Z` });
    const config = [
      virtualService('public', ['a.x'], at(1, 'other')),
      resourceOf('VirtualService', 'exported', { hosts: ['a.x'], exportTo: ['default'] }, at(2, 'other')),
      resourceOf('VirtualService', 'hidden', { hosts: ['a.x'], exportTo: ['third'] }, at(2, 'other')),
      resourceOf('VirtualService', 'private', { hosts: ['a.x'], exportTo: ['.'] }, at(3)),
      resourceOf('VirtualService', 'named', { hosts: ['a.x'], exportTo: ['default', 'other'] }, at(4)),
    ];
    const names = scopeOf({ services, config }).egress[0]?.virtualServices.map(({ name }) => name);
    expect(names).toEqual(['private', 'named', 'exported', 'public']);
  });

  it('have the VirtualServices of their hosts that apply to the mesh', () => {
    const config = [
      egress({ hosts: ['./a.default.svc.cluster.local'] }),
      virtualService('short', ['a']),
      virtualService('elsewhere', ['b.other.svc.cluster.local']),
      resourceOf('VirtualService', 'gateway', { hosts: ['a'], gateways: ['gw'] }),
      resourceOf('VirtualService', 'both', { hosts: ['a'], gateways: ['gw', 'mesh'] }),
      resourceOf('VirtualService', 'delegate', {}),
    ];
    const names = scopeOf({ services, config }).egress[0]?.virtualServices.map(({ name }) => name);
    expect(names).toEqual(['both', 'short']);
  });

  it('of a gateway have all VirtualServices that its namespace sees', () => {
    const config = [
      resourceOf('VirtualService', 'gateway', { hosts: ['a'], gateways: ['gw'] }),
      resourceOf('VirtualService', 'private', { hosts: ['a'], exportTo: ['.'] }, { namespace: 'other' }),
    ];
    const names = scopeOf({ services, config }, { type: 'router' }).egress[0]?.virtualServices.map(({ name }) => name);
    expect(names).toEqual(['gateway']);
  });
});

describe('instances', () => {
  it("are those at the proxy's addresses in its namespace", () => {
    const [web, api, far] = [httpService('web'), httpService('api'), httpService('far', { namespace: 'other' })];
    const endpoints = [endpointAt(web, '10.0.0.1'), endpointAt(api, '10.0.0.2'), endpointAt(far, '10.0.0.1')];
    const { instances } = scopeOf({ services: [web, api, far], endpoints });
    expect(instances.map(({ service }) => service.name)).toEqual(['web']);
  });

  it("of a platform that has the address in the proxy's cluster are those of this cluster", () => {
    const [web, api, vm] = [httpService('web'), httpService('api'), httpService('vm')];
    const at = (service: Service, over: object) => endpointAt(service, '10.0.0.1', { platform: 'kubernetes', ...over });
    const endpoints = [
      at(web, { clusterId: 'c1' }),
      at(api, { clusterId: 'c2' }),
      at(vm, { platform: 'consul', clusterId: 'dc1' }),
    ];
    const names = (clusterId: string) =>
      scopeOf({ services: [web, api, vm], endpoints }, { clusterId }).instances.map(({ service }) => service.name);
    expect(names('c1')).toEqual(['vm', 'web']);
    expect(names('c2')).toEqual(['api', 'vm']);
    expect(names('')).toEqual(['api', 'vm', 'web']);
    expect(names('unheard-of')).toEqual(['api', 'vm', 'web']);
  });
});
