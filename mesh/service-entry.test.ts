import { describe, expect, it } from 'vitest';
import type { ServiceEntrySpec } from './config/schemas/service-entry.ts';
import type { WorkloadEntrySpec } from './config/schemas/workload-entry.ts';
import type { Snapshot } from './snapshot.ts';
import {
  builderOf,
  configApplied,
  configDeleted,
  endpointAt,
  httpService,
  record,
  resourceOf,
  snapshotOf,
  workloadRegistered,
} from './snapshot-fixture.ts';

const serviceEntry = (name: string, spec: ServiceEntrySpec, over = {}) => resourceOf('ServiceEntry', name, spec, over);
const workloadEntry = (name: string, spec: WorkloadEntrySpec, over = {}) =>
  resourceOf('WorkloadEntry', name, spec, over);
const http = { number: 80, name: 'http', protocol: 'HTTP' };
const addresses = (snapshot: Snapshot, key: string) => snapshot.registry.endpoints(key).map(({ address }) => address);

describe('ServiceEntry', () => {
  it('is one service for each host, with Istio defaults', () => {
    const { registry } = snapshotOf({
      config: [
        serviceEntry(
          'ext',
          {
            hosts: ['API.example.com', '*.example.org'],
            addresses: ['192.0.2.0/24', '198.51.100.1/32', '2001:db8::1/128', '2001:db8::/32'],
            ports: [http, { number: 443, name: 'tls', protocol: 'tls', targetPort: 8443 }, { number: 9, name: 'odd' }],
            exportTo: ['.'],
            subjectAltNames: ['spiffe://x'],
          },
          { labels: { a: 'b' } },
        ),
      ],
    });
    expect([...registry.services.keys()]).toEqual(['default/*.example.org', 'default/api.example.com']);
    expect(registry.services.get('default/api.example.com')).toEqual({
      hostname: 'api.example.com',
      name: 'api.example.com',
      namespace: 'default',
      platform: 'service-entry',
      addresses: ['192.0.2.0/24', '198.51.100.1', '2001:db8::1', '2001:db8::/32'],
      ports: [
        { name: 'http', port: 80, protocol: 'HTTP' },
        { name: 'tls', port: 443, protocol: 'TLS', targetPort: 8443 },
        { name: 'odd', port: 9, protocol: 'Unsupported' },
      ],
      labels: { a: 'b' },
      exportTo: ['.'],
      resolution: 'NONE',
      location: 'MESH_EXTERNAL',
      subjectAltNames: ['spiffe://x'],
      createdAt: '2025-01-01T00:00:00.000Z',
    });
    expect(registry.endpoints('default/api.example.com')).toEqual([]);
  });

  it('takes endpoints as listed: ports by name, else target port, else the port itself', () => {
    const { registry } = snapshotOf({
      config: [
        serviceEntry('db', {
          hosts: ['db.internal'],
          ports: [http, { number: 443, name: 'tls', protocol: 'TLS', targetPort: 8443 }],
          resolution: 'STATIC',
          location: 'MESH_INTERNAL',
          endpoints: [
            {
              address: '10.0.0.2',
              ports: { http: 8080 },
              weight: 3,
              locality: 'r/z/s',
              network: 'n1',
              serviceAccount: 'sa',
            },
            { address: '10.0.0.1', labels: { version: 'v1', 'istio-locality': 'r1.z1' } },
            { address: 'unix:///var/run/x' },
            { address: '10.0.0.1', labels: { 'topology.istio.io/locality': 'r2.z2', 'istio-locality': 'r1.z1' } },
            { labels: {} },
          ],
        }),
      ],
    });
    const common = {
      hostname: 'db.internal',
      namespace: 'default',
      platform: 'service-entry',
      health: 'healthy',
      labels: {},
    };
    expect(registry.endpoints('default/db.internal')).toEqual([
      {
        ...common,
        id: 'db~10.0.0.1',
        address: '10.0.0.1',
        ports: { http: 80, tls: 8443 },
        labels: { version: 'v1', 'istio-locality': 'r1.z1' },
        locality: 'r1/z1',
      },
      {
        ...common,
        id: 'db~10.0.0.1~2',
        address: '10.0.0.1',
        ports: { http: 80, tls: 8443 },
        labels: { 'topology.istio.io/locality': 'r2.z2', 'istio-locality': 'r1.z1' },
        locality: 'r2/z2',
      },
      {
        ...common,
        id: 'db~10.0.0.2',
        address: '10.0.0.2',
        ports: { http: 8080, tls: 8443 },
        weight: 3,
        locality: 'r/z/s',
        network: 'n1',
        serviceAccount: 'sa',
      },
      { ...common, id: 'db~unix:///var/run/x', address: 'unix:///var/run/x', ports: { http: 0, tls: 0 } },
    ]);
  });

  it('resolves its own hosts when it is DNS without endpoints, but not when DYNAMIC_DNS or NONE', () => {
    const of = (resolution: 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS' | 'NONE') =>
      addresses(
        snapshotOf({ config: [serviceEntry('ext', { hosts: ['a.com', 'b.com'], ports: [http], resolution })] }),
        'default/b.com',
      );
    expect(of('DNS')).toEqual(['b.com']);
    expect(of('DNS_ROUND_ROBIN')).toEqual(['b.com']);
    expect(of('DYNAMIC_DNS')).toEqual([]);
    expect(of('NONE')).toEqual([]);
  });

  it('selects WorkloadEntries and workloads of its namespace, and follows them', () => {
    const entry = serviceEntry('vm', {
      hosts: ['vm.internal'],
      ports: [{ ...http, targetPort: 8080 }],
      resolution: 'STATIC',
      workloadSelector: { labels: { app: 'vm' } },
    });
    const one = workloadEntry('one', { address: '10.1.0.1', labels: { app: 'vm' }, ports: { http: 7000 } });
    const byLabel = workloadEntry('two', { address: '10.1.0.2' }, { labels: { app: 'vm' } });
    const elsewhere = workloadEntry('three', { address: '10.1.0.3', labels: { app: 'vm' } }, { namespace: 'other' });
    const named = workloadEntry('four', { address: 'vm.example.com', labels: { app: 'vm' } });
    const socket = workloadEntry('five', { address: 'unix:///var/run/vm', labels: { app: 'vm' } });
    const pod = {
      name: 'p',
      namespace: 'default',
      platform: 'kubernetes',
      addresses: ['10.2.0.1'],
      ports: {},
      labels: { app: 'vm' },
      health: 'unhealthy' as const,
    };
    const builder = builderOf({ config: [entry, one, byLabel, elsewhere, named, socket] });
    expect(addresses(builder.snapshot(), 'default/vm.internal')).toEqual(['10.1.0.1', '10.1.0.2']);
    const withPod = builder.applyAll(record([workloadRegistered(pod)], builder.position + 1)).snapshot();
    expect(withPod.changed).toMatchObject({ endpoints: new Set(['default/vm.internal']), services: new Set() });
    expect(
      withPod.registry
        .endpoints('default/vm.internal')
        .map(({ address, ports, health, workload }) => [address, ports.http, health, workload]),
    ).toEqual([
      ['10.1.0.1', 7000, 'healthy', 'one'],
      ['10.1.0.2', 8080, 'healthy', 'two'],
      ['10.2.0.1', 8080, 'unhealthy', 'p'],
    ]);
    const relabelled = workloadEntry('one', { address: '10.1.0.1', labels: { app: 'other' } });
    const without = builder.applyAll(record([configApplied(relabelled)], builder.position + 1)).snapshot();
    expect(addresses(without, 'default/vm.internal')).toEqual(['10.1.0.2', '10.2.0.1']);
    const gone = builder.applyAll(record([configDeleted(entry)], builder.position + 1)).snapshot();
    expect(gone.registry.services.size).toBe(0);
    expect(addresses(gone, 'default/vm.internal')).toEqual([]);
    expect(gone.registry.instancesAt('10.2.0.1')).toEqual([]);
  });

  it('lets a DNS entry select WorkloadEntries that are DNS names', () => {
    const entry = serviceEntry('vm', {
      hosts: ['vm.internal'],
      ports: [http],
      resolution: 'DNS',
      workloadSelector: { labels: { app: 'vm' } },
    });
    const named = workloadEntry('four', { address: 'vm.example.com', labels: { app: 'vm' } });
    expect(addresses(snapshotOf({ config: [entry, named] }), 'default/vm.internal')).toEqual(['vm.example.com']);
  });

  it("gives a platform's service the WorkloadEntries that its selector matches", () => {
    const web = httpService('web', {
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, protocol: 'HTTP', targetPort: 'app' }],
    });
    const vm = workloadEntry('vm', { address: '10.1.0.1', labels: { app: 'web' }, ports: { app: 8081 } });
    const pod = endpointAt(web, '10.0.0.1');
    const builder = builderOf({ services: [web], endpoints: [pod] });
    expect(addresses(builder.snapshot(), 'default/web.default.svc.cluster.local')).toEqual(['10.0.0.1']);
    const after = builder.applyAll(record([configApplied(vm)], builder.position + 1)).snapshot();
    expect(
      after.registry.endpoints('default/web.default.svc.cluster.local').map(({ address, ports }) => [address, ports]),
    ).toEqual([
      ['10.0.0.1', { http: 80 }],
      ['10.1.0.1', { http: 8081 }],
    ]);
    expect(after.registry.instancesAt('10.1.0.1')[0]?.service).toBe(web);
  });

  it("gives a platform's service a WorkloadEntry at its own ports: a target port that is a name must be one of its", () => {
    const ports = [
      { name: 'http', port: 80, protocol: 'HTTP' as const, targetPort: 'app' },
      { name: 'tcp', port: 90, protocol: 'TCP' as const, targetPort: 9090 },
      { name: 'same', port: 70, protocol: 'TCP' as const },
    ];
    const web = httpService('web', { selector: { app: 'web' }, ports });
    const named = httpService('named', { selector: { app: 'web' }, ports: ports.slice(0, 1) });
    const portsOf = (spec: WorkloadEntrySpec, hostname: string) =>
      snapshotOf({ services: [web, named], config: [workloadEntry('vm', { ...spec, labels: { app: 'web' } })] })
        .registry.endpoints(`default/${hostname}`)
        .map((endpoint) => endpoint.ports);
    const at = { address: '10.1.0.1' };
    expect(portsOf(at, web.hostname)).toEqual([{ tcp: 9090, same: 70 }]);
    expect(portsOf({ ...at, ports: { http: 1, tcp: 2, same: 3 } }, web.hostname)).toEqual([{ tcp: 2, same: 3 }]);
    expect(portsOf({ ...at, ports: { app: 4 } }, web.hostname)).toEqual([{ http: 4, tcp: 9090, same: 70 }]);
    expect(portsOf({ ...at, ports: { http: 1 } }, named.hostname)).toEqual([]);
    expect(portsOf({ address: 'unix:///var/run/vm', ports: { app: 4 } }, web.hostname)).toEqual([]);
  });

  it("adds endpoints to a platform's service of the same host, whose definition wins", () => {
    const web = httpService('web');
    const entry = serviceEntry('more', {
      hosts: [web.hostname],
      ports: [http],
      resolution: 'STATIC',
      endpoints: [{ address: '10.9.9.9' }],
    });
    const snapshot = snapshotOf({ services: [web], config: [entry] });
    expect(snapshot.registry.servicesOf(web.hostname)).toEqual([web]);
    expect(addresses(snapshot, `default/${web.hostname}`)).toEqual(['10.9.9.9']);
  });

  it('joins the ports of entries that share a host and resolve the same way; the older one wins a number', () => {
    const older = serviceEntry(
      'z',
      { hosts: ['a.com'], ports: [http], resolution: 'DNS' },
      { createdAt: '2020-01-01T00:00:00Z' },
    );
    const younger = serviceEntry('a', {
      hosts: ['a.com'],
      ports: [
        { number: 80, name: 'other', protocol: 'TCP' },
        { number: 443, name: 'tls', protocol: 'TLS' },
      ],
      resolution: 'DNS',
    });
    const { registry } = snapshotOf({ config: [younger, older] });
    expect(registry.services.get('default/a.com')?.ports.map(({ name, port }) => `${name}:${port}`)).toEqual([
      'http:80',
      'tls:443',
    ]);
  });

  it('makes one endpoint of a workload that entries of one host select together, with the ports of both', () => {
    const of = (name: string, number: number) =>
      serviceEntry(name, {
        hosts: ['a.com'],
        ports: [{ number, name: `p${number}`, protocol: 'HTTP' }],
        resolution: 'STATIC',
        workloadSelector: { labels: { app: 'vm' } },
      });
    const vm = workloadEntry('vm', { address: '10.1.0.1', labels: { app: 'vm' } });
    const builder = builderOf({ config: [of('b', 81), of('a', 80), vm] });
    const before = builder.snapshot().registry.endpoints('default/a.com');
    expect(before.map(({ id, ports }) => [id, ports])).toEqual([['vm', { p80: 80, p81: 81 }]]);
    const other = workloadEntry('other', { address: '10.1.0.2', labels: { app: 'vm' } });
    const after = builder.applyAll(record([configApplied(other)], builder.position + 1)).snapshot();
    expect(after.registry.endpoints('default/a.com')[0]).toBe(before[0]);
  });

  it('keeps the identity of everything that an unrelated change leaves alone', () => {
    const entry = serviceEntry('a', { hosts: ['a.com'], ports: [http], resolution: 'DNS' });
    const builder = builderOf({ config: [entry] });
    const before = builder.snapshot();
    const other = serviceEntry('b', { hosts: ['b.com'], ports: [http], resolution: 'DNS' });
    const after = builder.applyAll(record([configApplied(other)], builder.position + 1)).snapshot();
    expect(after.registry.services.get('default/a.com')).toBe(before.registry.services.get('default/a.com'));
    expect(after.registry.endpoints('default/a.com')).toBe(before.registry.endpoints('default/a.com'));
    expect(after.changed).toMatchObject({
      services: new Set(['default/b.com']),
      endpoints: new Set(['default/b.com']),
      config: new Set(['ServiceEntry/default/b']),
    });
  });
});
