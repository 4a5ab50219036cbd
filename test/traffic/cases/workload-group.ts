// WorkloadGroup: a workload is registered when its proxy connects, with what the group says, and gone some time after it left.
import assert from 'node:assert/strict';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { assertShare } from '../expectations.ts';
import { destinationRule, type Manifest, serviceEntry, workloadEntry, workloadGroup } from '../resources.ts';

const host = 'vms.example.com';
const call = { host };
const labels = { app: 'vms', tier: 'gold' };

/** Workloads of e2's address are registered for the service; e1 is beside them, e3 in another region. */
function group({ ports, instances: { e1, e2, e3 } }: Place): Manifest[] {
  const near = 'region1/zone1/a';
  return [
    serviceEntry('vms', {
      hosts: [host],
      location: 'MESH_INTERNAL',
      ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      workloadSelector: { labels },
    }),
    destinationRule('vms', {
      host,
      trafficPolicy: {
        loadBalancer: { simple: 'ROUND_ROBIN' },
        outlierDetection: { consecutive5xxErrors: 100 },
      },
    }),
    workloadEntry('beside', { address: e1.address, ports: { http: e1.port }, labels, weight: 1, locality: near }),
    workloadEntry('far', { address: e3.address, ports: { http: e3.port }, labels, locality: 'region9/zone1/a' }),
    workloadGroup('vms', {
      metadata: { labels: { app: 'vms' } },
      template: { ports: { http: e2.port }, labels: { tier: 'gold' }, weight: 4, locality: near },
    }),
  ];
}

const answering = async (mesh: CaseMesh) => Object.keys(await mesh.tally(20, '/', call)).sort();

/** See the file's first line. */
export const workloadGroupCases: readonly TrafficCase[] = [
  {
    name: 'a proxy that asks for it is registered with the group’s labels, ports, weight and locality, and leaves',
    proves: ['metadata.labels', 'template.ports', 'template.labels', 'template.weight', 'template.locality'].map(
      (field) => `WorkloadGroup.${field}`,
    ),
    resources: group,
    run: async (mesh) => {
      assert.deepEqual(await answering(mesh), ['e1']);
      const proxy = await mesh.join({
        addresses: [mesh.instances.e2.address],
        name: 'vm-1',
        namespace: 'default',
        labels: {},
        // Else it would listen where the client's proxy does.
        interceptionMode: 'REDIRECT',
        metadata: { AUTO_REGISTER_GROUP: 'vms' },
      });
      try {
        await waitFor(async () => (await answering(mesh)).includes('e2'), { what: 'the workload', limitMs: 20_000 });
        const seen = await mesh.tally(300, '/', call);
        assertShare(seen, 'e2', 0.8);
        assert.equal(seen.e3, undefined, 'e2 is as near as e1');
      } finally {
        await proxy.stop();
      }
      await waitFor(async () => (await answering(mesh)).join() === 'e1', { what: 'it to be gone', limitMs: 20_000 });
    },
  },
];
