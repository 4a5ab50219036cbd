// Networks of endpoints and workloads, by what a caller prefers. Their gateways need mutual TLS: test/mesh-gateways.test.ts.
import assert from 'node:assert/strict';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { destinationRule, type Manifest, serviceEntry, workloadEntry, workloadGroup } from '../resources.ts';

const host = 'networks.example.com';
const call = { host };
const labels = { app: 'networks' };

/** Prefers the network `blue`; the label is what Istio gives every endpoint of a network. */
const prefersBlue: Manifest = destinationRule('networks', {
  host,
  trafficPolicy: {
    outlierDetection: { consecutive5xxErrors: 100 },
    loadBalancer: { localityLbSetting: { failoverPriority: ['topology.istio.io/network=blue'] } },
  },
});

const service = (port: number, more: object) =>
  serviceEntry('networks', {
    hosts: [host],
    location: 'MESH_INTERNAL',
    ports: [{ number: port, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    ...more,
  });

const answering = async (mesh: CaseMesh) =>
  Object.keys(await mesh.tally(20, '/', call))
    .sort()
    .join();

/** See the file's first line. */
export const networkCases: readonly TrafficCase[] = [
  {
    name: 'endpoints.network: an endpoint of the network that is preferred',
    proves: ['ServiceEntry.endpoints.network'],
    resources: ({ ports, instances: { e1, e2 } }) => [
      service(ports.http, {
        endpoints: [
          { address: e1.address, ports: { http: e1.port }, network: 'red' },
          { address: e2.address, ports: { http: e2.port }, network: 'blue' },
        ],
      }),
      prefersBlue,
    ],
    run: async (mesh) => {
      // What registered e2 in a case before may only now be gone.
      let seen = '';
      const isAlone = async () => (seen = await answering(mesh)) === 'e2';
      await waitFor(isAlone, { what: () => `e2 alone, not ${seen}`, limitMs: 10_000 });
    },
  },
  {
    name: 'network of a WorkloadEntry, and of workloads that a WorkloadGroup registers',
    proves: ['WorkloadEntry.network', 'WorkloadGroup.template.network'],
    resources: ({ ports, instances: { e1, e2, e3 } }) => [
      service(ports.http, { workloadSelector: { labels } }),
      workloadEntry('red', { address: e1.address, ports: { http: e1.port }, labels, network: 'red' }),
      workloadEntry('blue', { address: e3.address, ports: { http: e3.port }, labels, network: 'blue' }),
      workloadGroup('networks', { metadata: { labels }, template: { ports: { http: e2.port }, network: 'blue' } }),
      prefersBlue,
    ],
    run: async (mesh) => {
      assert.equal(await answering(mesh), 'e3');
      const { address } = mesh.instances.e2;
      const proxy = await mesh.join({
        addresses: [address],
        name: 'vm-networks',
        namespace: 'default',
        labels: {},
        interceptionMode: 'REDIRECT',
        metadata: { AUTO_REGISTER_GROUP: 'networks' },
      });
      try {
        const both = async () => (await answering(mesh)) === 'e2,e3';
        await waitFor(both, { what: 'the registered workload, of the same network', limitMs: 20_000 });
      } finally {
        await proxy.stop();
      }
    },
  },
];
