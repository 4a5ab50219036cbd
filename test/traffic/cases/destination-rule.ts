// DestinationRule: PROXY protocol, tunnels, where a rule applies, and its levels.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import type { TrafficCase } from '../case.ts';
import { exchange } from '../client.ts';
import { afterErrors, fast, noRetries } from '../outliers.ts';
import { destinationRule, type Manifest, virtualService } from '../resources.ts';

const policy = 'DestinationRule.trafficPolicy';

function echo(trafficPolicy: TrafficPolicy): () => Manifest[] {
  return () => [destinationRule('echo', { host: 'echo', trafficPolicy })];
}
const toOther = { host: 'other' };
/** See the file's first line. */
export const destinationRuleCases: readonly TrafficCase[] = [
  {
    name: 'proxyProtocol V1',
    proves: [`${policy}.proxyProtocol.version`],
    resources: echo({ proxyProtocol: { version: 'V1' } }),
    run: async (mesh) => {
      assert.match(
        await exchange('x', { port: mesh.ports.tcp }),
        /^e\d PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n/,
      );
    },
  },
  {
    name: 'proxyProtocol V2',
    proves: [`${policy}.proxyProtocol.version`],
    resources: echo({ proxyProtocol: { version: 'V2' } }),
    run: async (mesh) => {
      assert.ok((await exchange('x', { port: mesh.ports.tcp })).includes('\r\n\r\n\0\r\nQUIT\n'));
    },
  },
  {
    name: 'tunnel: TCP in a CONNECT request',
    proves: ['protocol', 'targetHost', 'targetPort'].map((field) => `${policy}.tunnel.${field}`),
    resources: echo({ tunnel: { protocol: 'CONNECT', targetHost: 'far.example.com', targetPort: 443 } }),
    run: async (mesh) => {
      assert.match(await exchange('x', { port: mesh.ports.tcp }), /^e\d via far\.example\.com:443 x$/);
    },
  },
  {
    name: 'exportTo: a rule for its own namespace only',
    proves: ['DestinationRule.exportTo'],
    resources: () => [
      destinationRule(
        'theirs',
        {
          host: 'echo.shop.svc.cluster.local',
          exportTo: ['.'],
          trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
        },
        { namespace: 'shop' },
      ),
    ],
    later: () => [
      destinationRule(
        'theirs',
        {
          host: 'echo.shop.svc.cluster.local',
          exportTo: ['*'],
          trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
        },
        { namespace: 'shop' },
      ),
    ],
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.protocol, '1.1');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.protocol, '2.0');
    },
  },
  {
    name: 'workloadSelector: a rule for some clients',
    proves: ['DestinationRule.workloadSelector.matchLabels'],
    resources: () => [selecting('v8')],
    later: () => [selecting('v7')],
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '1.1');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '2.0');
    },
  },
  {
    name: 'host: a wildcard, and the more specific rule instead of it',
    proves: ['DestinationRule.host'],
    resources: () => [
      destinationRule('wide', {
        host: '*.default.svc.cluster.local',
        trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
      }),
      destinationRule('narrow', { host: 'echo', trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '2.0');
      assert.equal((await mesh.get('/')).echo.protocol, '1.1');
    },
  },
  {
    name: 'portLevelSettings.connectionPool, and that other ports keep the host’s',
    proves: [
      `${policy}.portLevelSettings.connectionPool.http.h2UpgradePolicy`,
      `${policy}.portLevelSettings.port.number`,
    ],
    resources: ({ ports }) => [
      destinationRule('echo', {
        host: 'echo',
        trafficPolicy: {
          portLevelSettings: [
            { port: { number: ports.alt }, connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
          ],
        },
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { port: mesh.ports.alt })).echo.protocol, '2.0');
      assert.equal((await mesh.get('/')).echo.protocol, '1.1');
    },
  },
  {
    name: 'portLevelSettings.outlierDetection',
    proves: [`${policy}.portLevelSettings.outlierDetection.consecutive5xxErrors`],
    resources: ({ ports }) => [
      noRetries(),
      destinationRule('echo', {
        host: 'echo',
        trafficPolicy: {
          portLevelSettings: [{ port: { number: ports.http }, outlierDetection: { consecutive5xxErrors: 1, ...fast } }],
        },
      }),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 1, '500'), ['e2', 'e3']);
    },
  },
  {
    name: 'subsets: connectionPool, outlierDetection and port-level settings of one subset',
    proves: [
      'DestinationRule.subsets.trafficPolicy.connectionPool.http.h2UpgradePolicy',
      'DestinationRule.subsets.trafficPolicy.portLevelSettings.connectionPool.http.h2UpgradePolicy',
      'DestinationRule.subsets.trafficPolicy.portLevelSettings.port.number',
    ],
    resources: ({ ports }) => [
      destinationRule('echo', {
        host: 'echo',
        subsets: [
          {
            name: 'v1',
            labels: { version: 'v1' },
            trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
          },
          {
            name: 'v2',
            labels: { version: 'v2' },
            trafficPolicy: {
              portLevelSettings: [
                { port: { number: ports.alt }, connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
              ],
            },
          },
        ],
      }),
      virtualService('echo', {
        hosts: ['echo'],
        http: [
          { match: [{ uri: { prefix: '/v1' } }], route: [{ destination: { host: 'echo', subset: 'v1' } }] },
          { route: [{ destination: { host: 'echo', subset: 'v2' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const protocolOf = async (path: string, port: number) => {
        const { instance, protocol } = (await mesh.get(path, { port })).echo;
        return [instance, protocol];
      };
      assert.deepEqual(await protocolOf('/v1', mesh.ports.http), ['e1', '2.0']);
      assert.deepEqual(await protocolOf('/v2', mesh.ports.http), ['e2', '1.1']);
      assert.deepEqual(await protocolOf('/v2', mesh.ports.alt), ['e2', '2.0']);
    },
  },
  {
    name: 'two rules for one host are merged: subsets of both',
    proves: ['DestinationRule.subsets.name'],
    resources: () => [
      destinationRule('one', { host: 'echo', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
      destinationRule('two', { host: 'echo', subsets: [{ name: 'v2', labels: { version: 'v2' } }] }),
      virtualService('echo', {
        hosts: ['echo'],
        http: [
          { match: [{ uri: { prefix: '/1' } }], route: [{ destination: { host: 'echo', subset: 'v1' } }] },
          { route: [{ destination: { host: 'echo', subset: 'v2' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      assert.deepEqual(await mesh.tally(10, '/1'), { e1: 10 });
      assert.deepEqual(await mesh.tally(10, '/2'), { e2: 10 });
    },
  },
];

function selecting(version: string): Manifest {
  return destinationRule('some', {
    host: 'other',
    workloadSelector: { matchLabels: { app: 'client', version } },
    trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
  });
}
