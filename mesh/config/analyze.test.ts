import { describe, expect, it } from 'vitest';
import type { ConfigResource, Service, Workload } from '../../events/model.ts';
import { snapshotOf } from '../snapshot-fixture.ts';
import { analyze } from './analyze.ts';
import { formatProblem } from './problem.ts';

function service(name: string, ports: readonly number[], rest: Partial<Service> = {}): Service {
  return {
    hostname: `${name}.default.svc.cluster.local`,
    name,
    namespace: 'default',
    platform: 'files',
    addresses: [],
    ports: ports.map((port) => ({ name: `http-${port}`, port, protocol: 'HTTP' })),
    labels: {},
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
    ...rest,
  };
}

function config(kind: string, name: string, spec: object, rest: Partial<ConfigResource> = {}): ConfigResource {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    namespace: 'default',
    name,
    createdAt: `2026-01-01T00:00:0${name.length}Z`,
    spec,
    ...rest,
  };
}

const services = [service('web', [80]), service('api', [80, 8080]), service('hidden', [80], { exportTo: ['other'] })];
const route = (destination: object) => ({ http: [{ route: [{ destination }] }] });

function findings(resources: readonly ConfigResource[], workloads: readonly Workload[] = []): string[] {
  return analyze(snapshotOf({ services, config: resources, workloads })).map(formatProblem);
}

describe('analyze', () => {
  it('finds nothing where everything fits', () => {
    expect(
      findings([
        config('VirtualService', 'v', {
          hosts: ['web', 'web.example.com'],
          gateways: ['mesh', 'g'],
          ...route({ host: 'web', subset: 'v1' }),
        }),
        config('DestinationRule', 'd', { host: 'web.default.svc.cluster.local', subsets: [{ name: 'v1' }] }),
        config('Gateway', 'g', {
          selector: { a: 'b' },
          servers: [{ port: { number: 80, protocol: 'HTTP', name: 'h' }, hosts: ['./*.example.com', 'web'] }],
        }),
      ]),
    ).toEqual([]);
  });

  it('IST0101 and IST0174: hosts, subsets, ports, gateways and delegates that do not exist or are not visible', () => {
    expect(
      findings([
        config('VirtualService', 'a', {
          hosts: ['a'],
          gateways: ['nowhere', 'mesh'],
          http: [
            {
              route: [{ destination: { host: 'web', subset: 'v9' } }, { destination: { host: 'absent' } }],
              mirror: { host: 'hidden' },
            },
            { delegate: { name: 'gone', namespace: 'team' } },
            { route: [{ destination: { host: 'web', port: { number: 81 } } }] },
          ],
          tcp: [{ route: [{ destination: { host: 'nope.com' } }] }],
        }),
        config('DestinationRule', 'd', { host: 'missing' }),
      ]),
    ).toEqual([
      'DestinationRule/default/d  warning: spec.host: no service "missing" is known in or visible to namespace default [IST0174]',
      'VirtualService/default/a  warning: spec.gateways[0]: there is no Gateway default/nowhere [IST0101]',
      'VirtualService/default/a  warning: spec.http[0].mirror.host: no service "hidden" is known in or visible to namespace default [IST0101]',
      'VirtualService/default/a  warning: spec.http[0].route[0].destination.subset: no DestinationRule defines subset "v9" of web [IST0101]',
      'VirtualService/default/a  warning: spec.http[0].route[1].destination.host: no service "absent" is known in or visible to namespace default [IST0101]',
      'VirtualService/default/a  warning: spec.http[1].delegate: there is no VirtualService team/gone [IST0101]',
      'VirtualService/default/a  warning: spec.http[2].route[0].destination.port.number: web has no port 81; it has 80 [IST0101]',
      'VirtualService/default/a  warning: spec.tcp[0].route[0].destination.host: no service "nope.com" is known in or visible to namespace default [IST0101]',
    ]);
  });

  it('IST0109: two VirtualServices for one host, unless no sidecar sees both', () => {
    const first = config('VirtualService', 'a', { hosts: ['web'], ...route({ host: 'web' }) });
    const second = config('VirtualService', 'bb', {
      hosts: ['web.default.svc.cluster.local'],
      ...route({ host: 'web' }),
    });
    expect(findings([second, first])).toEqual([
      'VirtualService/default/bb  warning: spec.hosts[0]: VirtualService default/a, which is older, defines the same host web.default.svc.cluster.local for sidecars and wins; merge the two [IST0109]',
    ]);
    const exported = (resource: ConfigResource, to: string) => ({
      ...resource,
      spec: { ...(resource.spec as object), exportTo: [to] },
    });
    expect(findings([exported(first, 'x'), exported(second, 'y')])).toEqual([]);
  });

  it('IST0112: a service with several ports needs one named', () => {
    expect(findings([config('VirtualService', 'v', { hosts: ['api'], ...route({ host: 'api' }) })])).toEqual([
      'VirtualService/default/v  warning: spec.http[0].route[0].destination: api has several ports (80, 8080): give port.number [IST0112]',
    ]);
  });

  it('IST0132 and IST0145: gateways that do not serve a host, or serve one that another has', () => {
    const gateway = (name: string, hosts: readonly string[]) =>
      config('Gateway', name, {
        selector: { a: 'b' },
        servers: [{ port: { number: 80, protocol: 'HTTP', name: 'h' }, hosts }],
      });
    expect(
      findings([
        gateway('g', ['other/x.com', 'y.com']),
        gateway('gg', ['y.com']),
        config('VirtualService', 'v', { hosts: ['x.com', 'y.com'], gateways: ['g'], ...route({ host: 'web' }) }),
      ]),
    ).toEqual([
      'Gateway/default/gg  warning: spec.servers[0].hosts[0]: Gateway default/g, which is older, has the same selector, port 80 and host y.com and wins [IST0145]',
      'VirtualService/default/v  warning: spec.gateways[0]: Gateway default/g does not serve x.com [IST0132]',
    ]);
  });

  it('IST0110 and IST0111: Sidecars for the same workloads', () => {
    const sidecar = (name: string, labels?: object) =>
      config('Sidecar', name, { egress: [{ hosts: ['./*'] }], ...(labels && { workloadSelector: { labels } }) });
    const workload: Workload = {
      name: 'w',
      namespace: 'default',
      platform: 'files',
      addresses: ['10.0.0.1'],
      ports: {},
      labels: { app: 'a', tier: 'b' },
      health: 'healthy',
    };
    expect(
      findings([sidecar('a'), sidecar('bb'), sidecar('ccc', { app: 'a' }), sidecar('dddd', { tier: 'b' })], [workload]),
    ).toEqual([
      'Sidecar/default/bb  warning: spec.workloadSelector: Sidecar default/a, which is older, has no workloadSelector either and wins in this namespace [IST0111]',
      'Sidecar/default/dddd  warning: spec.workloadSelector: Sidecar default/ccc, which is older, selects workload w too and wins [IST0110]',
    ]);
  });

  it('IST0128, IST0129 and IST0134: TLS without verification, TCP ports without an address', () => {
    const tls = { mode: 'SIMPLE' };
    expect(
      findings([
        config('DestinationRule', 'd', {
          host: 'web',
          trafficPolicy: { tls, portLevelSettings: [{ port: { number: 80 }, tls }] },
        }),
        config('ServiceEntry', 'e', {
          hosts: ['e.com'],
          ports: [
            { number: 5, name: 't', protocol: 'TCP' },
            { number: 6, name: 'h', protocol: 'HTTP' },
          ],
        }),
      ]),
    ).toEqual([
      'DestinationRule/default/d  warning: spec.trafficPolicy.portLevelSettings[0].tls: mode SIMPLE without caCertificates does not verify who web is [IST0129]',
      'DestinationRule/default/d  warning: spec.trafficPolicy.tls: mode SIMPLE without caCertificates does not verify who web is [IST0128]',
      'ServiceEntry/default/e  warning: spec.ports[0]: addresses are needed for port 5 of protocol TCP: without them all traffic to that port is taken [IST0134]',
    ]);
  });
});
