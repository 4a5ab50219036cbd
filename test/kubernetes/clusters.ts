// Cases of kubernetes.test.ts: two clusters, two API servers, one mesh.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { topologyLabel } from '../../services/pilot/translate/endpoints/topology-labels.ts';
import { freePorts } from '../support/free-port.ts';
import { TestKube } from '../support/kube.ts';
import { applyFile, startAdapter } from '../support/kube-adapter.ts';
import { define, paths, putSlice, serviceObject } from '../support/kube-objects.ts';
import { periplus, periplusJson, RunningPeriplus } from '../support/periplus.ts';
import { waitFor } from '../support/wait-for.ts';
import type { OnKube } from './on-kube.ts';

const key = 'default/shared.default.svc.cluster.local';

/** Registers the case. */
export function clusterCases(onKube: OnKube): void {
  it(
    "a service in two clusters has both clusters' endpoints; of one that is away everything stays, and only the first configures",
    onKube(async (east) => {
      const west = await TestKube.start();
      if ('why' in west) throw new Error(west.why);
      try {
        await applyFile(west, 'rbac.yaml');
        await define(west, 'VirtualService', 'virtualservices');
        await west.must('POST', paths.virtualServices, {
          ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'western' } },
          spec: { hosts: ['shared'], http: [{ route: [{ destination: { host: 'shared' } }] }] },
        });
        for (const [kube, address] of [[east, '10.50.0.1'] as const, [west, '10.60.0.1'] as const]) {
          await kube.must('POST', paths.services, serviceObject('shared'));
          await putSlice(kube, 'shared', [address]);
        }
        const log = new MemoryLog();
        await using first = startAdapter(east.port, east, { log, clusterId: 'east', held: true });
        await using second = startAdapter(west.port, west, { log, clusterId: 'west', held: true, readsConfig: false });
        const shown = async () => {
          const { registry } = await first.mesh();
          return registry
            .endpoints(key)
            .map((endpoint) => `${topologyLabel(endpoint, 'topology.istio.io/cluster')} ${endpoint.address}`);
        };
        const untilShown = async (what: string, ...expected: readonly string[]) => {
          let last: readonly string[] = [];
          const isSo = async () => JSON.stringify((last = await shown())) === JSON.stringify(expected);
          await waitFor(isSo, { what: () => `${what}: ${last.join()}; ${JSON.stringify(second.runner.status.value)}` });
        };
        await first.untilState('synced');
        await second.untilState('synced');
        await untilShown('both', 'east 10.50.0.1', 'west 10.60.0.1');
        await servesBoth(east, west);
        expect((await first.mesh()).config.get('VirtualService', 'default', 'western')).toBeUndefined();

        await west.stopApiserver();
        await second.untilState('lost');
        await putSlice(east, 'shared', ['10.50.0.2']);
        await untilShown('a change in the east', 'east 10.50.0.2', 'west 10.60.0.1');
        expect(first.runner.status.value?.state).toBe('synced');

        await west.startApiserver();
        await putSlice(west, 'shared', ['10.60.0.2']);
        await second.untilState('synced');
        await untilShown('a change in the west', 'east 10.50.0.2', 'west 10.60.0.2');
        await east.must('DELETE', `${paths.slices}/shared-1`);
        await untilShown('none in the east', 'west 10.60.0.2');
        // The west's service alone remains a service.
        await east.must('DELETE', `${paths.services}/shared`);
        await first.untilEqual('the east');
        await untilShown('the west alone', 'west 10.60.0.2');
      } finally {
        await west.dispose();
      }
    }),
  );
}

/** Two contexts of one kubeconfig, as `serve` reads them. */
async function servesBoth(east: TestKube, west: TestKube): Promise<void> {
  const [admin = 0] = await freePorts(1);
  const server = `http://127.0.0.1:${admin}`;
  const kubeconfig = kubeconfigOf(east, { east, west });
  const flags = ['--kubeconfig', kubeconfig, '--kube-context', 'east', 'west', '--log', 'memory:'];
  const served = new RunningPeriplus(['serve', ...flags, '--admin-port', String(admin), '--xds-port', '0']);
  try {
    await served.untilServing(`${server}/readyz`);
    type Listed = readonly { readonly address: string; readonly clusterId: string }[];
    const listed = await periplusJson<Listed>('get', 'endpoints', 'shared', '--server', server);
    const found = listed.map(({ clusterId, address }) => `${clusterId} ${address}`).sort();
    expect(found).toEqual(['east 10.50.0.1', 'west 10.60.0.1']);
    const check = await periplus(['check', '--server', server]);
    for (const name of ['east', 'west']) expect(check.stdout).toContain(`adapter kubernetes ${name}: synced`);
  } finally {
    await served.stop();
  }
}

/** Written into `home`'s folder. */
function kubeconfigOf(home: TestKube, clusters: Readonly<Record<string, TestKube>>): string {
  const named = Object.entries(clusters).map(([name, kube]) => {
    const one = JSON.parse(readFileSync(kube.kubeconfig(), 'utf8')) as Kubeconfig;
    return { name, cluster: one.clusters[0]?.cluster, user: one.users[0]?.user };
  });
  const path = home.path('both.kubeconfig');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'west' },
    clusters: named.map(({ name, cluster }) => ({ name, cluster })),
    users: named.map(({ name, user }) => ({ name, user })),
    contexts: named.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: object }[];
  readonly users: readonly { readonly user: object }[];
}
