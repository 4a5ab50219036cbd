// DestinationRule: localityLbSetting and zoneAwareLbSetting, who is near and who is next.
import assert from 'node:assert/strict';
import type { CaseMesh, InstanceName, Place, TrafficCase } from '../case.ts';
import { assertShare, ejection } from '../expectations.ts';
import { destinationRule, type Manifest, serviceEntry } from '../resources.ts';

const lb = 'DestinationRule.trafficPolicy.loadBalancer';

/** `near.example.com`: e1 in the proxy's own subzone, e2 in its zone's other subzone, e3 in another region. */
function spread({ ports, instances: { e1, e2, e3 } }: Place): Manifest {
  const at = ({ address, port }: typeof e1, locality: string) => ({ address, ports: { http: port }, locality });
  return serviceEntry('near', {
    hosts: ['near.example.com'],
    ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: [at(e1, 'region1/zone1/a'), at(e2, 'region2/zone1/a'), at(e3, 'region3/zone1/a')],
  });
}
const near = { host: 'near.example.com' };

/** Callers, of whom the sidecar is one, and servers: half of each in the proxy's zone. */
function zones({ ports, instances: { e1, e2, e3 } }: Place): Manifest[] {
  const [port] = ports.spare;
  const at = (address: string, to: number, zone: string) => ({
    address,
    ports: { http: to },
    locality: `region1/${zone}/a`,
  });
  const entry = (name: string, number: number, endpoints: ReturnType<typeof at>[]) =>
    serviceEntry(name, {
      hosts: [`${name}.example.com`],
      ports: [{ number, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints,
    });
  return [
    entry('callers', port, [at('127.77.0.1', port, 'zone1'), at(e2.address, e2.port, 'zone2')]),
    entry('near', ports.http, [at(e1.address, e1.port, 'zone1'), at(e3.address, e3.port, 'zone2')]),
  ];
}
const zoneAware = (minClusterSize: number): Manifest =>
  destinationRule('near', {
    ...near,
    trafficPolicy: { loadBalancer: { zoneAwareLbSetting: { minClusterSize } } },
  });
const outlierDetection = {
  consecutive5xxErrors: 1,
  interval: '100ms',
  baseEjectionTime: '60s',
  maxEjectionPercent: 100,
};
/** `near.example.com`: e2 has the proxy's own version, e1 has not. */
function labelled({ ports, instances: { e1, e2 } }: Place): Manifest {
  return serviceEntry('near', {
    hosts: ['near.example.com'],
    ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: [
      { address: e1.address, ports: { http: e1.port }, labels: { version: 'v6' } },
      { address: e2.address, ports: { http: e2.port }, labels: { version: 'v7' } },
    ],
  });
}

/** All requests go to `first`, and all to `next` once that has failed. */
const fallsTo = (first: InstanceName, next: InstanceName) => async (mesh: CaseMesh) => {
  assert.deepEqual(await mesh.tally(20, '/', near), { [first]: 20 });
  await mesh.get('/', { ...near, headers: { 'x-status': '500', 'x-only': first } });
  await ejection();
  assert.deepEqual(await mesh.tally(20, '/', near), { [next]: 20 });
};

/** See the file's first line. */
export const localityCases: readonly TrafficCase[] = [
  {
    name: 'loadBalancer.localityLbSetting.distribute',
    proves: ['from', 'to'].map((field) => `${lb}.localityLbSetting.distribute.${field}`),
    resources: (place) => [
      spread(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: {
          loadBalancer: {
            localityLbSetting: {
              distribute: [{ from: 'region1/zone1/*', to: { 'region1/zone1/*': 80, 'region2/*': 20 } }],
            },
          },
        },
      }),
    ],
    run: async (mesh) => {
      const seen = await mesh.tally(600, '/', near);
      assertShare(seen, 'e1', 0.8);
      assertShare(seen, 'e2', 0.2);
      assert.equal(seen.e3, undefined);
    },
  },
  {
    name: 'loadBalancer.localityLbSetting.failover chooses the next region',
    proves: ['from', 'to'].map((field) => `${lb}.localityLbSetting.failover.${field}`),
    resources: (place) => [
      spread(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: {
          outlierDetection,
          loadBalancer: { localityLbSetting: { failover: [{ from: 'region1', to: 'region3' }] } },
        },
      }),
    ],
    run: fallsTo('e1', 'e3'),
  },
  {
    name: 'loadBalancer.localityLbSetting.failoverPriority by labels',
    proves: [`${lb}.localityLbSetting.failoverPriority`],
    resources: (place) => [
      labelled(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: { outlierDetection, loadBalancer: { localityLbSetting: { failoverPriority: ['version'] } } },
      }),
    ],
    // The proxy has version v7.
    run: fallsTo('e2', 'e1'),
  },
  {
    name: 'locality: with outlier detection the nearest first, without it all',
    proves: ['DestinationRule.trafficPolicy.outlierDetection'],
    resources: (place) => [spread(place)],
    later: () => [destinationRule('near', { ...near, trafficPolicy: { outlierDetection } })],
    run: async (mesh, later) => {
      assert.equal(Object.keys(await mesh.tally(60, '/', near)).length, 3);
      await mesh.apply(...later);
      assert.deepEqual(await mesh.tally(20, '/', near), { e1: 20 });
    },
  },
  {
    name: 'loadBalancer.localityLbSetting.enabled false',
    proves: [`${lb}.localityLbSetting.enabled`],
    resources: (place) => [
      spread(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: { outlierDetection, loadBalancer: { localityLbSetting: { enabled: false } } },
      }),
    ],
    run: async (mesh) => {
      assert.equal(Object.keys(await mesh.tally(60, '/', near)).length, 3);
    },
  },
  {
    name: 'loadBalancer.zoneAwareLbSetting.failover: the own region first, then the one that it fails over to',
    proves: ['from', 'to'].map((field) => `${lb}.zoneAwareLbSetting.failover.${field}`),
    resources: (place) => [
      spread(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: {
          outlierDetection,
          loadBalancer: { zoneAwareLbSetting: { failover: [{ from: 'region1', to: 'region3' }] } },
        },
      }),
    ],
    run: fallsTo('e1', 'e3'),
  },
  {
    name: 'loadBalancer.zoneAwareLbSetting.enabled false: all regions alike',
    proves: [`${lb}.zoneAwareLbSetting.enabled`],
    resources: (place) => [
      spread(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: { outlierDetection, loadBalancer: { zoneAwareLbSetting: { enabled: false } } },
      }),
    ],
    run: async (mesh) => assert.equal(Object.keys(await mesh.tally(60, '/', near)).length, 3),
  },
  {
    name: 'loadBalancer.zoneAwareLbSetting.minClusterSize: the own zone alone, where callers are spread as servers are and there are so many',
    proves: [`${lb}.zoneAwareLbSetting.minClusterSize`],
    resources: (place) => [...zones(place), zoneAware(2)],
    later: () => [zoneAware(3)],
    run: async (mesh, later) => {
      const answering = async () => Object.keys(await mesh.tally(60, '/', near)).sort();
      assert.deepEqual(await answering(), ['e1']);
      await mesh.apply(...later);
      assert.deepEqual(await answering(), ['e1', 'e3']);
    },
  },
  {
    name: 'loadBalancer.zoneAwareLbSetting.failoverPriority by labels',
    proves: [`${lb}.zoneAwareLbSetting.failoverPriority`],
    resources: (place) => [
      labelled(place),
      destinationRule('near', {
        ...near,
        trafficPolicy: { outlierDetection, loadBalancer: { zoneAwareLbSetting: { failoverPriority: ['version'] } } },
      }),
    ],
    run: fallsTo('e2', 'e1'),
  },
];
