// What agents do with what Pilot tells them: probes of WorkloadGroups, and ProxyConfigs at the start of a proxy.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadinessProbe } from '../../../mesh/config/schemas/workload-group.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { startGrpcHealth, startProbedApp } from '../probed-apps.ts';
import {
  type Manifest,
  meshConfig,
  proxyConfig,
  serviceEntry,
  sidecar,
  virtualService,
  workloadEntry,
  workloadGroup,
} from '../resources.ts';
import { startMute } from '../silent-servers.ts';

const host = 'probed.example.com';
const labels = { app: 'probed' };
/** An address that only cases here have. */
const probed = '127.66.0.97';
const file = join(tmpdir(), `periplus-probed-${process.pid}`);

/** e1 is there whatever happens; e2's place is taken by the workload that is probed. */
function service({ ports, instances: { e1 } }: Place): Manifest[] {
  return [
    serviceEntry('probed', {
      hosts: [host],
      location: 'MESH_INTERNAL',
      ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      workloadSelector: { labels },
    }),
    workloadEntry('beside', { address: e1.address, ports: { http: e1.port }, labels }),
  ];
}

function group({ instances: { e2 } }: Place, probe: ReadinessProbe): Manifest {
  return workloadGroup('probed', { template: { ports: { http: e2.port }, labels }, probe });
}

async function withAgent(mesh: CaseMesh, use: () => Promise<void>): Promise<void> {
  const agent = await mesh.joinAgent(
    {
      addresses: [mesh.instances.e2.address],
      name: 'probed-1',
      namespace: 'default',
      labels: {},
      // Else it would listen where the client's proxy does.
      interceptionMode: 'REDIRECT',
      metadata: { AUTO_REGISTER_GROUP: 'probed' },
    },
    { execProbes: true },
  );
  try {
    await use();
  } finally {
    await agent.stop();
  }
}

/** Waits until the probed workload is sent requests, or is not. */
async function isThere(mesh: CaseMesh, there: boolean): Promise<void> {
  const seen = async () => (await mesh.tally(20, '/', { host })).e2 !== undefined;
  await waitFor(async () => (await seen()) === there, {
    what: `the workload to be ${there ? 'there' : 'gone'}`,
    limitMs: 20_000,
  });
}

const probeFields = (...names: string[]) => names.map((name) => `WorkloadGroup.probe.${name}`);

const probes: readonly TrafficCase[] = [
  {
    name: 'probe.httpGet with its times and thresholds: a workload is sent requests while its agent finds it well',
    proves: probeFields(
      ...['path', 'port', 'host', 'scheme', 'httpHeaders.name', 'httpHeaders.value'].map((name) => `httpGet.${name}`),
      ...['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'],
    ),
    resources: (place) => [
      ...service(place),
      group(place, {
        httpGet: {
          path: '/ready',
          port: place.ports.spare[5],
          host: probed,
          scheme: 'HTTPS',
          httpHeaders: [{ name: 'X-Probe', value: 'yes' }],
        },
        initialDelaySeconds: 1,
        timeoutSeconds: 1,
        periodSeconds: 1,
        successThreshold: 2,
        failureThreshold: 2,
      }),
    ],
    run: async (mesh) => {
      const app = await startProbedApp({ address: probed, port: mesh.ports.spare[5] }, mesh.certificates);
      const started = performance.now();
      try {
        await withAgent(mesh, async () => {
          assert.equal((await mesh.tally(20, '/', { host })).e2, undefined, 'nothing is known of it yet');
          await waitFor(() => app.asked > 0, { what: 'the first question', limitMs: 20_000 });
          assert.ok(performance.now() - started >= 1_000, 'the initial delay');
          await isThere(mesh, true);
          assert.ok(app.asked >= 2, 'two answers make it well');
          assert.equal(app.last, `GET /ready ${probed}:${mesh.ports.spare[5]} yes`);
          app.become('mute');
          const quiet = performance.now();
          await isThere(mesh, false);
          assert.ok(app.asked >= 2, 'two failures make it unwell');
          assert.ok(performance.now() - quiet >= 2_000, 'each takes as long as the timeout');
          app.become('well');
          await isThere(mesh, true);
        });
      } finally {
        await app.stop();
      }
    },
  },
  {
    name: 'probe.tcpSocket, then exec, then grpc: the agent follows its group',
    proves: probeFields('tcpSocket.host', 'tcpSocket.port', 'exec.command', 'grpc.port', 'grpc.service'),
    resources: (place) => [
      ...service(place),
      group(place, { tcpSocket: { host: probed, port: place.ports.spare[5] }, periodSeconds: 1 }),
    ],
    later: (place) => [
      group(place, { exec: { command: ['test', '-e', file] }, periodSeconds: 1 }),
      group(place, { grpc: { port: place.ports.spare[4], service: 'web' }, periodSeconds: 1 }),
    ],
    run: async (mesh, [exec, grpc]) => {
      assert.ok(exec && grpc);
      const health = await startGrpcHealth(mesh.ports.spare[4]);
      let listener: Awaited<ReturnType<typeof startMute>> | undefined;
      try {
        await withAgent(mesh, async () => {
          await isThere(mesh, false);
          listener = await startMute(probed, mesh.ports.spare[5]);
          await isThere(mesh, true);
          await mesh.apply(exec);
          await isThere(mesh, false);
          writeFileSync(file, '');
          await isThere(mesh, true);
          await mesh.apply(grpc);
          await isThere(mesh, false);
          health.serving = true;
          await isThere(mesh, true);
        });
      } finally {
        health.stop();
        await listener?.stop();
        rmSync(file, { force: true });
      }
    },
  },
];

const own = { app: 'configured' };
const ownAddress = '127.77.0.8';

/** Names of variables by the level that sets them last. */
const variables = {
  FROM_MESH: 'mesh',
  FROM_ROOT: 'root',
  FROM_NAMESPACE: 'namespace',
  FROM_WORKLOAD: 'workload',
  FROM_ANNOTATION: 'annotation',
};
const given = (value: string, ...names: (keyof typeof variables)[]) =>
  Object.fromEntries(names.map((name) => [name, value]));

const configs: readonly TrafficCase[] = [
  {
    name: 'ProxyConfig of mesh, root namespace, namespace and workload, with the annotation: threads and variables',
    proves: [
      ...['selector.matchLabels', 'concurrency', 'environmentVariables'].map((field) => `ProxyConfig.${field}`),
      'MeshConfig.defaultConfig.concurrency',
      'MeshConfig.defaultConfig.proxyMetadata',
    ],
    resources: ({ ports }) => [
      meshConfig({
        defaultConfig: { concurrency: 3, proxyMetadata: given('mesh', 'FROM_MESH', 'FROM_ROOT') },
      }),
      proxyConfig(
        'root',
        { environmentVariables: given('root', 'FROM_ROOT', 'FROM_NAMESPACE') },
        { namespace: 'istio-system' },
      ),
      proxyConfig('namespace', {
        environmentVariables: given('namespace', 'FROM_NAMESPACE', 'FROM_ANNOTATION', 'FROM_WORKLOAD'),
      }),
      proxyConfig('others', { selector: { matchLabels: { app: 'others' } }, concurrency: 4 }),
      proxyConfig('workload', {
        selector: { matchLabels: own },
        concurrency: 1,
        environmentVariables: given('workload', 'FROM_WORKLOAD'),
      }),
      sidecar('configured', {
        workloadSelector: { labels: own },
        egress: [
          {
            port: { number: ports.http, protocol: 'HTTP', name: 'http' },
            bind: ownAddress,
            captureMode: 'NONE',
            hosts: ['*/*'],
          },
        ],
      }),
      virtualService('variables', {
        hosts: ['echo'],
        http: [
          {
            match: [{ sourceLabels: own }],
            headers: {
              request: {
                set: Object.fromEntries(
                  Object.keys(variables).map((name) => [
                    `x-${name.toLowerCase().replace('_', '-')}`,
                    `%ENVIRONMENT(${name})%`,
                  ]),
                ),
              },
            },
            route: [{ destination: { host: 'echo' } }],
          },
          { route: [{ destination: { host: 'echo' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const identity = { addresses: [ownAddress], name: 'configured-1', namespace: 'default', labels: own } as const;
      const settings = { concurrency: 7, proxyMetadata: given('annotation', 'FROM_ANNOTATION', 'FROM_WORKLOAD') };
      const agent = await mesh.joinAgent(identity, { proxyConfig: { settings, traffic: {} } });
      try {
        const { echo } = await mesh.get('/', { address: ownAddress });
        const seen = Object.keys(variables).map((name) => [
          name,
          echo.headers[`x-${name.toLowerCase().replace('_', '-')}`],
        ]);
        assert.deepEqual(Object.fromEntries(seen), variables);
        assert.match(await agent.stats('server.concurrency'), /^server.concurrency: 1$/m);
      } finally {
        await agent.stop();
      }
    },
  },
];

/** See the file's first line. */
export const agentCases: readonly TrafficCase[] = [...probes, ...configs];
