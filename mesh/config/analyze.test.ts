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
      'DestinationRule/default/d  warning: spec.host: The host missing defined in the DestinationRule does not match any services in the mesh. [IST0174]',
      'VirtualService/default/a  warning: spec.gateways[0]: Referenced gateway not found: "nowhere" [IST0101]',
      'VirtualService/default/a  warning: spec.gateways[0]: one or more host [a] defined in VirtualService default/a not found in Gateway default/nowhere. [IST0132]',
      'VirtualService/default/a  warning: spec.http[0].mirror.host: Referenced mirror host not found: "hidden" (no such service is known in or visible to namespace default) [IST0101]',
      'VirtualService/default/a  warning: spec.http[0].route[0].destination.subset: Referenced host+subset in destinationrule not found: "web+v9" [IST0101]',
      'VirtualService/default/a  warning: spec.http[0].route[1].destination.host: Referenced host not found: "absent" (no such service is known in or visible to namespace default) [IST0101]',
      'VirtualService/default/a  warning: spec.http[1].delegate: Referenced delegate not found: "team/gone" [IST0101]',
      'VirtualService/default/a  warning: spec.http[2].route[0].destination.port.number: Referenced host:port not found: "web:81" (it has 80) [IST0101]',
      'VirtualService/default/a  warning: spec.tcp[0].route[0].destination.host: Referenced host not found: "nope.com" (no such service is known in or visible to namespace default) [IST0101]',
    ]);
  });

  it('IST0109: two VirtualServices for one host, unless no sidecar sees both', () => {
    const first = config('VirtualService', 'a', { hosts: ['web'], ...route({ host: 'web' }) });
    const second = config('VirtualService', 'bb', {
      hosts: ['web.default.svc.cluster.local'],
      ...route({ host: 'web' }),
    });
    expect(findings([second, first])).toEqual([
      'VirtualService/default/a  warning: spec.hosts[0]: The VirtualServices default/a,default/bb associated with mesh gateway define the same host web.default.svc.cluster.local which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource. The oldest, default/a, wins. [IST0109]',
      'VirtualService/default/bb  warning: spec.hosts[0]: The VirtualServices default/a,default/bb associated with mesh gateway define the same host web.default.svc.cluster.local which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource. The oldest, default/a, wins. [IST0109]',
    ]);
    const exported = (resource: ConfigResource, to: string) => ({
      ...resource,
      spec: { ...(resource.spec as object), exportTo: [to] },
    });
    expect(findings([exported(first, 'x'), exported(second, 'y')])).toEqual([]);
  });

  it('IST0112: a service with several ports needs one named', () => {
    expect(findings([config('VirtualService', 'v', { hosts: ['api'], ...route({ host: 'api' }) })])).toEqual([
      'VirtualService/default/v  warning: spec.http[0].route[0].destination: This VirtualService routes to a service "api" that exposes multiple ports [80 8080]. Specifying a port in the destination is required to disambiguate. [IST0112]',
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
        config('VirtualService', 'v', { hosts: ['x.com'], gateways: ['g'], ...route({ host: 'web' }) }),
        config('VirtualService', 'one-is-enough', {
          hosts: ['x.com', 'y.com'],
          gateways: ['g'],
          ...route({ host: 'web' }),
        }),
      ]),
    ).toEqual([
      'Gateway/default/g  warning: spec.servers[0].hosts: Conflict with gateways default/gg (workload selector a=b, port 80, hosts other/x.com,y.com). The oldest, default/g, wins. [IST0145]',
      'Gateway/default/gg  warning: spec.servers[0].hosts: Conflict with gateways default/g (workload selector a=b, port 80, hosts y.com). The oldest, default/g, wins. [IST0145]',
      'VirtualService/default/v  warning: spec.gateways[0]: one or more host [x.com] defined in VirtualService default/v not found in Gateway default/g. [IST0132]',
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
      'Sidecar/default/a  warning: spec.workloadSelector: The Sidecars [a bb] in namespace "default" have no workload selector, which can lead to undefined behavior. The oldest, default/a, wins. [IST0111]',
      'Sidecar/default/bb  warning: spec.workloadSelector: The Sidecars [a bb] in namespace "default" have no workload selector, which can lead to undefined behavior. The oldest, default/a, wins. [IST0111]',
      'Sidecar/default/ccc  warning: spec.workloadSelector: The Sidecars [ccc dddd] in namespace "default" select the same workload pod "w", which can lead to undefined behavior. The oldest, default/ccc, wins. [IST0110]',
      'Sidecar/default/dddd  warning: spec.workloadSelector: The Sidecars [ccc dddd] in namespace "default" select the same workload pod "w", which can lead to undefined behavior. The oldest, default/ccc, wins. [IST0110]',
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
      'DestinationRule/default/d  warning: spec.trafficPolicy.portLevelSettings[0].tls: DestinationRule default/d in namespace default has TLS mode set to SIMPLE but no caCertificates are set to validate server identity for host: web at port number:80 [IST0129]',
      'DestinationRule/default/d  warning: spec.trafficPolicy.tls: DestinationRule default/d in namespace default has TLS mode set to SIMPLE but no caCertificates are set to validate server identity for host: web [IST0128]',
      'ServiceEntry/default/e  warning: spec.ports[0]: ServiceEntry addresses are required for this protocol. [IST0134]',
    ]);
  });
});
