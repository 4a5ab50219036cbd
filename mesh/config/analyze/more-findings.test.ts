// Findings with istioctl's codes: selectors, subsets, certificates, claims, patches, protocols.
import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../../events/model.ts';
import { builderOf, endpointAt, httpService, recorded, resourceOf, snapshotOf } from '../../snapshot-fixture.ts';
import { analyze } from '../analyze.ts';
import { defaultMeshConfig, type MeshConfig } from '../mesh-config.ts';

const web = httpService('web', { ports: [{ name: 'http', port: 80, protocol: 'HTTP' }] });
const gateway = httpService('edge', {
  namespace: 'istio-system',
  ports: [{ name: 'http', port: 80, protocol: 'HTTP' }],
});
const endpoints = [
  endpointAt(web, '10.0.0.1', { labels: { app: 'web', version: 'v1' } }),
  endpointAt(gateway, '10.0.0.2', { labels: { istio: 'ingressgateway' } }),
];

/** `CODE RESOURCE PATH` of each finding. */
function found(config: readonly ConfigResource[], mesh: Partial<MeshConfig> = {}): string[] {
  const snapshot = snapshotOf({
    services: [web, gateway],
    endpoints,
    config: [...config],
    mesh: { ...defaultMeshConfig, ...mesh },
  });
  return analyze(snapshot).map(({ code, resource, path }) => `${code} ${resource} ${path}`);
}
const inRoot = { namespace: 'istio-system' };
const server = (number: number, more: object = {}) => ({
  port: { number, name: `p${number}`, protocol: 'HTTP' },
  hosts: ['a.example.com'],
  ...more,
});
const edge = (name: string, ...servers: readonly object[]) =>
  resourceOf('Gateway', name, { selector: { istio: 'ingressgateway' }, servers });

describe('findings', () => {
  it('IST0173 and IST0174: subsets without endpoints, rules for no service', () => {
    expect(
      found([
        resourceOf('DestinationRule', 'a', {
          host: 'web',
          subsets: [
            { name: 'v1', labels: { version: 'v1' } },
            { name: 'v2', labels: { version: 'v2' } },
          ],
        }),
        resourceOf('DestinationRule', 'b', { host: 'nobody' }),
      ]),
    ).toEqual(['IST0173 DestinationRule/default/a spec.subsets[1]', 'IST0174 DestinationRule/default/b spec.host']);
  });

  it('IST0127: policies for workloads that are not there', () => {
    const policy = (name: string, labels: object, more = {}) =>
      resourceOf('AuthorizationPolicy', name, { selector: { matchLabels: labels } }, more);
    expect(
      found([
        policy('fits', { app: 'web' }),
        policy('nobody', { app: 'gone' }),
        policy('elsewhere', { istio: 'ingressgateway' }),
        policy('mesh-wide', { app: 'web' }, inRoot),
        resourceOf('AuthorizationPolicy', 'all', {}, inRoot),
        resourceOf('AuthorizationPolicy', 'empty-namespace', {}, { namespace: 'empty' }),
      ]),
    ).toEqual([
      'IST0127 AuthorizationPolicy/default/elsewhere spec.selector',
      'IST0127 AuthorizationPolicy/default/nobody spec.selector',
      'IST0127 AuthorizationPolicy/empty/empty-namespace spec.selector',
    ]);
  });

  it('IST0149: routes by claims at a Gateway whose proxies read no tokens', () => {
    const routed = resourceOf('VirtualService', 'v', {
      hosts: ['a.example.com'],
      gateways: ['g'],
      http: [
        {
          match: [{ headers: { '@request.auth.claims.group': { exact: 'x' } } }],
          route: [{ destination: { host: 'web' } }],
        },
      ],
    });
    const reader = resourceOf(
      'RequestAuthentication',
      'r',
      { selector: { matchLabels: { istio: 'ingressgateway' } } },
      inRoot,
    );
    expect(found([edge('g', server(80)), routed])).toEqual(['IST0149 VirtualService/default/v spec.gateways[0]']);
    expect(found([edge('g', server(80)), routed, reader])).toEqual([]);
  });

  it('IST0138 and IST0162: certificates that Gateways share, ports that no service has', () => {
    const tls = { mode: 'SIMPLE', credentialName: 'web-tls' };
    expect(
      found([
        edge('a', server(80, { tls, hosts: ['a.example.com'] })),
        edge('b', server(80, { tls, hosts: ['b.example.com'] }), server(8443)),
      ]),
    ).toEqual([
      'IST0138 Gateway/default/a spec.servers[0].tls',
      'IST0138 Gateway/default/b spec.servers[0].tls',
      'IST0162 Gateway/default/b spec.servers[1].port.number',
    ]);
  });

  it('IST0101: credentials that proxies have asked for and that are not there', () => {
    const observed = (name: string, found: object) => ({
      type: 'io.periplus.policy.credential-observed',
      subject: `policy/credential/istio-system/${name}`,
      data: { namespace: 'istio-system', name, ...found },
    });
    const tls = (name: string, more = {}) => ({ tls: { mode: 'SIMPLE', credentialName: name, ...more } });
    const builder = builderOf({
      config: [edge('a', server(443, tls('late')), server(444, tls('', { credentialNames: ['there', 'late'] })))],
    });
    const certificate = { fingerprint: 'f', notAfter: '2026-01-01T00:00:00Z' };
    for (const fact of [observed('late', { problem: 'not found: files' }), observed('there', { certificate })])
      builder.apply(recorded(fact, builder.position + 1));
    const findings = analyze(builder.snapshot()).filter(({ code }) => code === 'IST0101');
    expect(findings.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'spec.servers[0].tls.credentialName Referenced credentialName not found: "late" (istio-system: not found: files)',
      'spec.servers[1].tls.credentialNames[1] Referenced credentialName not found: "late" (istio-system: not found: files)',
    ]);
  });

  it('IST0151 to IST0155: patches that are ignored or depend on others', () => {
    const patch = (applyTo: string, operation: string, more: object = {}) => ({
      applyTo,
      patch: { operation, ...(operation === 'REMOVE' ? {} : { value: { name: 'lua' } }) },
      ...more,
    });
    const version = { match: { proxy: { proxyVersion: '^1\\.2.*' } } };
    expect(
      found([
        resourceOf('EnvoyFilter', 'f', {
          configPatches: [
            patch('HTTP_ROUTE', 'ADD'),
            patch('ROUTE_CONFIGURATION', 'REMOVE'),
            patch('HTTP_FILTER', 'INSERT_BEFORE', version),
            patch('HTTP_FILTER', 'INSERT_AFTER'),
            patch('CLUSTER', 'REPLACE'),
          ],
        }),
        resourceOf('EnvoyFilter', 'ordered', { priority: 1, configPatches: [patch('HTTP_FILTER', 'INSERT_BEFORE')] }),
      ]).map((line) => line.split(' ')[0]),
    ).toEqual(['IST0153', 'IST0154', 'IST0151', 'IST0155', 'IST0152']);
  });

  it('IST0157, IST0159 and IST0160: Telemetries without providers, and those that meet', () => {
    const own = { selector: { matchLabels: { app: 'web' } } };
    const all = [
      resourceOf('Telemetry', 'a', { accessLogging: [{}] }),
      resourceOf('Telemetry', 'b', {}),
      resourceOf('Telemetry', 'c', own),
      resourceOf('Telemetry', 'd', own),
    ];
    const meeting = [
      'IST0160 Telemetry/default/a spec.selector',
      'IST0160 Telemetry/default/b spec.selector',
      'IST0159 Telemetry/default/c spec.selector',
      'IST0159 Telemetry/default/d spec.selector',
    ];
    expect(found(all)).toEqual(['IST0157 Telemetry/default/a spec.accessLogging[0].providers', ...meeting]);
    expect(found(all, { defaultProviders: { accessLogging: ['x'] } })).toEqual(meeting);
  });

  it('IST0177: ServiceEntries that disagree on a protocol', () => {
    const entry = (name: string, protocol: string, exportTo: readonly string[], namespace = 'default') =>
      resourceOf(
        'ServiceEntry',
        name,
        { hosts: ['x.example.com'], addresses: ['240.0.0.1'], ports: [{ number: 80, name: 'p', protocol }], exportTo },
        { namespace },
      );
    expect(found([entry('a', 'HTTP', ['*']), entry('b', 'TCP', ['*'])])).toEqual([
      'IST0177 ServiceEntry/default/a spec.ports[0].protocol',
      'IST0177 ServiceEntry/default/b spec.ports[0].protocol',
    ]);
    expect(found([entry('a', 'HTTP', ['.']), entry('b', 'TCP', ['.'], 'shop')])).toEqual([]);
  });

  it('IST0118 and IST0150: port names of Kubernetes services', () => {
    const kubernetes = (name: string, protocol: 'Unsupported' | 'TCP', more: object = {}) =>
      httpService(name, { platform: 'kubernetes', ports: [{ name: 'tcp', port: 80, protocol }], ...more });
    const services = [
      kubernetes('plain', 'Unsupported'),
      kubernetes('far', 'TCP', { externalName: 'far.example.com' }),
    ];
    expect(analyze(snapshotOf({ services })).map(({ code, resource }) => `${code} ${resource}`)).toEqual([
      'IST0150 Service/default/far',
      'IST0118 Service/default/plain',
    ]);
  });

  it('IST0107, IST0108 and IST0135: annotations of services; a service leaves findings out', () => {
    const annotated = (name: string, annotations: Readonly<Record<string, string>>) =>
      httpService(name, { annotations });
    const services = [
      annotated('good', {
        'networking.istio.io/exportTo': '*',
        'example.com/istio': 'x',
        'galley.istio.io/analyze-suppress': '',
      }),
      annotated('old', { 'alpha.istio.io/canonical-serviceaccounts': 'a', 'sidecar.istio.io/inject': 'true' }),
      annotated('wrong', { 'proxy.istio.io/config': '{}', 'networking.istio.io/exportsTo': '.' }),
      annotated('quiet', { 'networking.istio.io/exportsTo': '.', 'galley.istio.io/analyze-suppress': 'IST0108' }),
    ];
    expect(
      analyze(snapshotOf({ services })).map(({ code, resource, message }) => `${code} ${resource} ${message}`),
    ).toEqual([
      'IST0135 Service/default/old Annotation "alpha.istio.io/canonical-serviceaccounts" has been deprecated and may not work in future Istio versions.',
      'IST0107 Service/default/old Misplaced annotation: sidecar.istio.io/inject can only be applied to Pod',
      'IST0135 Service/default/old Annotation "sidecar.istio.io/inject" has been deprecated in favor of the "sidecar.istio.io/inject" label and may not work in future Istio versions.',
      'IST0108 Service/default/wrong Unknown annotation: networking.istio.io/exportsTo',
      'IST0107 Service/default/wrong Misplaced annotation: proxy.istio.io/config can only be applied to Pod',
    ]);
  });

  it('IST0002 and IST0140: deprecated percentages, and subsets that gateways do not take', () => {
    const fault = { delay: { fixedDelay: '1s', percent: 5 } };
    const to = (subset?: string) => [{ destination: { host: 'web', ...(subset ? { subset } : {}) } }];
    expect(
      found([
        resourceOf('DestinationRule', 'd', { host: 'web', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
        resourceOf('VirtualService', 'inside', { hosts: ['web'], http: [{ fault, route: to('v1') }] }),
        resourceOf('VirtualService', 'outside', {
          hosts: ['a.example.com'],
          gateways: ['g'],
          http: [{ route: to() }],
        }),
        edge('g', server(80)),
      ]),
    ).toEqual([
      'IST0002 VirtualService/default/inside spec.http[0].fault.delay.percent',
      'IST0140 VirtualService/default/outside spec.http[0].route[0].destination.host',
    ]);
  });

  it('IST0101: Sidecars for workloads that are not there, where some are', () => {
    const sidecar = (name: string, app: string, namespace = 'default') =>
      resourceOf(
        'Sidecar',
        name,
        { workloadSelector: { labels: { app } }, egress: [{ hosts: ['./*'] }] },
        { namespace },
      );
    expect(found([sidecar('fits', 'web'), sidecar('gone', 'gone'), sidecar('unknown', 'a', 'elsewhere')])).toEqual([
      'IST0101 Sidecar/default/gone spec.workloadSelector',
    ]);
  });

  it('leaves out what the resource asks to', () => {
    const rule = (suppressed: string) =>
      resourceOf(
        'DestinationRule',
        'd',
        { host: 'nobody', trafficPolicy: { tls: { mode: 'SIMPLE' } } },
        { annotations: { 'galley.istio.io/analyze-suppress': suppressed } },
      );
    expect(found([rule('IST0101, IST0174')])).toEqual(['IST0128 DestinationRule/default/d spec.trafficPolicy.tls']);
    expect(found([rule('*')])).toEqual([]);
  });
});
