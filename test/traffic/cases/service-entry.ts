// ServiceEntry and WorkloadEntry: services that no platform registers.
import assert from 'node:assert/strict';
import type { ServiceEntrySpec } from '../../../mesh/config/schemas/service-entry.ts';
import type { Instance, Place, TrafficCase } from '../case.ts';
import { send } from '../client.ts';
import { assertShare, ejection } from '../expectations.ts';
import { destinationRule, type Manifest, serviceEntry, virtualService, workloadEntry } from '../resources.ts';

const host = 'api.example.com';
const call = { host };
const at = ({ address, port }: Instance, more = {}) => ({ address, ports: { http: port }, ...more });

function entry(spec: (place: Place) => Partial<ServiceEntrySpec>, more = {}): (place: Place) => Manifest {
  return (place) =>
    serviceEntry(
      'api',
      {
        hosts: [host],
        ports: [{ number: place.ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        ...spec(place),
      },
      more,
    );
}
const field = (...names: readonly string[]) => names.map((name) => `ServiceEntry.${name}`);

/** See the file's first line. */
export const serviceEntryCases: readonly TrafficCase[] = [
  {
    name: 'resolution STATIC with endpoints',
    proves: field(
      'hosts',
      'ports.number',
      'ports.name',
      'ports.protocol',
      'resolution',
      'endpoints.address',
      'endpoints.ports',
    ),
    resources: (place) => [entry(({ instances: { e1, e2 } }) => ({ endpoints: [at(e1), at(e2)] }))(place)],
    run: async (mesh) => {
      assert.deepEqual(Object.keys(await mesh.tally(30, '/', call)).sort(), ['e1', 'e2']);
    },
  },
  {
    name: 'several hosts and a wildcard host',
    proves: field('hosts'),
    resources: (place) => [
      entry(({ instances: { e1 } }) => ({ hosts: [host, '*.wild.example.com'], endpoints: [at(e1)] }))(place),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', call)).echo.instance, 'e1');
      assert.equal((await mesh.get('/', { host: 'any.wild.example.com' })).echo.instance, 'e1');
    },
  },
  {
    name: 'endpoints.weight',
    proves: field('endpoints.weight'),
    resources: (place) => [
      entry(({ instances: { e1, e2 } }) => ({ endpoints: [at(e1, { weight: 4 }), at(e2, { weight: 1 })] }))(place),
      destinationRule('api', { host, trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } }),
    ],
    run: async (mesh) => assertShare(await mesh.tally(300, '/', call), 'e1', 0.8),
  },
  {
    name: 'endpoints.labels make subsets',
    proves: field('endpoints.labels'),
    resources: (place) => [
      entry(({ instances: { e1, e2 } }) => ({
        endpoints: [at(e1, { labels: { tier: 'gold' } }), at(e2, { labels: { tier: 'base' } })],
      }))(place),
      destinationRule('api', { host, subsets: [{ name: 'gold', labels: { tier: 'gold' } }] }),
      virtualService('api', { hosts: [host], http: [{ route: [{ destination: { host, subset: 'gold' } }] }] }),
    ],
    run: async (mesh) => {
      assert.deepEqual(await mesh.tally(20, '/', call), { e1: 20 });
    },
  },
  {
    name: 'endpoints.locality: the near one first, the far one when it fails',
    proves: field('endpoints.locality'),
    resources: (place) => [
      entry(({ instances: { e1, e2 } }) => ({
        endpoints: [at(e1, { locality: 'region2/zone1' }), at(e2, { locality: 'region1/zone1/a' })],
      }))(place),
      destinationRule('api', {
        host,
        trafficPolicy: {
          outlierDetection: {
            consecutive5xxErrors: 1,
            interval: '100ms',
            baseEjectionTime: '60s',
            maxEjectionPercent: 100,
          },
        },
      }),
    ],
    run: async (mesh) => {
      assert.deepEqual(await mesh.tally(20, '/', call), { e2: 20 });
      await mesh.get('/', { ...call, headers: { 'x-status': '500' } });
      await ejection();
      assert.deepEqual(await mesh.tally(20, '/', call), { e1: 20 });
    },
  },
  {
    name: 'ports.targetPort',
    proves: field('ports.targetPort'),
    resources: (place) => [
      entry(({ ports, instances: { e1 } }) => ({
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP', targetPort: e1.port }],
        endpoints: [{ address: e1.address }],
      }))(place),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', call)).echo.instance, 'e1'),
  },
  {
    name: 'resolution DNS: the endpoint’s name is looked up',
    proves: field('resolution', 'endpoints.address'),
    resources: (place) => [
      entry(({ instances: { app } }) => ({
        resolution: 'DNS',
        endpoints: [{ address: 'localhost', ports: { http: app.port } }],
      }))(place),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', call)).echo.instance, 'app'),
  },
  {
    name: 'resolution DNS without endpoints: the host itself is looked up',
    proves: field('resolution'),
    resources: ({ ports, instances: { app } }) => [
      serviceEntry('local', {
        hosts: ['localhost'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP', targetPort: app.port }],
        resolution: 'DNS',
      }),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', { host: 'localhost' })).echo.instance, 'app'),
  },
  {
    name: 'resolution DNS_ROUND_ROBIN',
    proves: field('resolution'),
    resources: (place) => [
      entry(({ instances: { app } }) => ({
        resolution: 'DNS_ROUND_ROBIN',
        endpoints: [{ address: 'localhost', ports: { http: app.port } }],
      }))(place),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/', call)).echo.instance, 'app'),
  },
  {
    name: 'workloadSelector and WorkloadEntry: they come and go',
    proves: [
      ...field('workloadSelector.labels'),
      'WorkloadEntry.address',
      'WorkloadEntry.ports',
      'WorkloadEntry.labels',
    ],
    resources: (place) => [
      entry(() => ({ location: 'MESH_INTERNAL', workloadSelector: { labels: { app: 'api' } } }))(place),
      workloadEntry('vm1', { ...at(place.instances.e1), labels: { app: 'api' } }),
      workloadEntry('stranger', { ...at(place.instances.e3), labels: { app: 'else' } }),
    ],
    later: (place) => [workloadEntry('vm2', { ...at(place.instances.e2), labels: { app: 'api' } })],
    run: async (mesh, later) => {
      assert.deepEqual(await mesh.tally(20, '/', call), { e1: 20 });
      await mesh.apply(...later);
      assert.deepEqual(Object.keys(await mesh.tally(30, '/', call)).sort(), ['e1', 'e2']);
      await mesh.remove(...later);
      assert.deepEqual(await mesh.tally(20, '/', call), { e1: 20 });
    },
  },
  {
    name: 'WorkloadEntry.weight and locality',
    proves: ['WorkloadEntry.weight', 'WorkloadEntry.locality'],
    resources: (place) => [
      entry(() => ({ location: 'MESH_INTERNAL', workloadSelector: { labels: { app: 'api' } } }))(place),
      destinationRule('api', {
        host,
        trafficPolicy: {
          loadBalancer: { simple: 'ROUND_ROBIN' },
          outlierDetection: { consecutive5xxErrors: 100 },
        },
      }),
      workloadEntry('vm1', {
        ...at(place.instances.e1),
        labels: { app: 'api' },
        weight: 4,
        locality: 'region1/zone1/a',
      }),
      workloadEntry('vm2', {
        ...at(place.instances.e2),
        labels: { app: 'api' },
        weight: 1,
        locality: 'region1/zone1/a',
      }),
      workloadEntry('vm3', { ...at(place.instances.e3), labels: { app: 'api' }, locality: 'region9/zone1/a' }),
    ],
    run: async (mesh) => {
      const seen = await mesh.tally(300, '/', call);
      assertShare(seen, 'e1', 0.8);
      assert.equal(seen.e3, undefined);
    },
  },
  {
    name: 'addresses: HTTP requests to an address as Host',
    proves: field('addresses'),
    resources: (place) => [
      entry(({ instances: { e1 } }) => ({ addresses: ['240.9.9.9'], endpoints: [at(e1)] }))(place),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: `240.9.9.9:${mesh.ports.http}` })).echo.instance, 'e1');
    },
  },
  {
    name: 'exportTo: not to this namespace, then to it',
    proves: field('exportTo'),
    resources: (place) => [
      entry(({ instances: { e1 } }) => ({ exportTo: ['.'], endpoints: [at(e1)] }), { namespace: 'shop' })(place),
    ],
    later: (place) => [
      entry(({ instances: { e1 } }) => ({ exportTo: ['default'], endpoints: [at(e1)] }), { namespace: 'shop' })(place),
    ],
    run: async (mesh, later) => {
      const isKnown = async () => {
        const answer = await mesh.get('/', { ...call, timeoutMs: 2_000 }).catch(() => undefined);
        return answer?.body.startsWith('{"instance":"e1"') ?? false;
      };
      assert.equal(await isKnown(), false);
      await mesh.apply(...later);
      assert.equal(await isKnown(), true);
    },
  },
  {
    name: 'subjectAltNames: the only names that its certificate may have',
    proves: field('subjectAltNames'),
    resources: (place) => secured(place, 'spiffe://cluster.local/ns/default/sa/echo'),
    later: (place) => secured(place, 'spiffe://cluster.local/ns/default/sa/other'),
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/', call)).echo.instance, 'e1');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/', call)).status, 503);
    },
  },
  {
    name: 'TLS port: passed on by SNI',
    proves: field('ports.protocol'),
    resources: ({ ports, instances: { e1 } }) => [
      serviceEntry('secure', {
        hosts: ['secure.example.com'],
        ports: [{ number: ports.spare[0], name: 'tls', protocol: 'TLS' }],
        resolution: 'STATIC',
        endpoints: [{ address: e1.address, ports: { tls: e1.tlsPort } }],
      }),
    ],
    run: async (mesh) => {
      const tls = { servername: 'secure.example.com', ca: mesh.certificates.ca };
      assert.equal(
        (await send('/', { port: mesh.ports.spare[0], host: 'secure.example.com', tls })).echo.instance,
        'e1',
      );
    },
  },
];

/** TLS to e1, whose certificate must have the name `san`. */
function secured({ ports, instances: { e1 }, files }: Place, san: string): Manifest[] {
  return [
    serviceEntry('api', {
      hosts: [host],
      ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: e1.address, ports: { http: e1.tlsPort } }],
      subjectAltNames: [san],
    }),
    destinationRule('api', { host, trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates: files.ca, sni: host } } }),
  ];
}
