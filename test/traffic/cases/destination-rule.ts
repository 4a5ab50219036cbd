// DestinationRule: limits, outlier detection, where a rule applies.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { exchange, openSocket, sendHttp2, whileOpening } from '../client.ts';
import { assertBetween, ejection } from '../expectations.ts';
import { destinationRule, type Manifest, serviceEntry, virtualService } from '../resources.ts';

const policy = 'DestinationRule.trafficPolicy';
const pool = `${policy}.connectionPool`;
const outlier = `${policy}.outlierDetection`;

function other(trafficPolicy: TrafficPolicy): () => Manifest[] {
  return () => [destinationRule('other', { host: 'other', trafficPolicy })];
}
function echo(trafficPolicy: TrafficPolicy): () => Manifest[] {
  return () => [destinationRule('echo', { host: 'echo', trafficPolicy })];
}
const toOther = { host: 'other' };
/** Requests to `other` at once, each of which takes a while: how many were let through. */
async function atOnce(mesh: CaseMesh, count: number): Promise<Readonly<Record<string, number>>> {
  const counted: Record<string, number> = {};
  const call = { ...toOther, headers: { 'x-delay-ms': '300' } };
  for (const { status } of await Promise.all(Array.from({ length: count }, () => mesh.get('/', call)))) {
    counted[status] = (counted[status] ?? 0) + 1;
  }
  return counted;
}

/** Fails `times` requests of e1 and tells which instances then answer. */
async function afterErrors(mesh: CaseMesh, times: number, status: string): Promise<readonly string[]> {
  let failed = 0;
  for (let i = 0; failed < times && i < 200; i++) {
    const answer = await mesh.get('/', { headers: { 'x-only': 'e1', 'x-status': status } });
    if (answer.status !== 200) failed++;
  }
  assert.equal(failed, times);
  await ejection();
  return Object.keys(await mesh.tally(60, '/')).sort();
}
const noRetries = (): Manifest =>
  virtualService('echo', {
    hosts: ['echo'],
    http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'echo' } }] }],
  });
const fast = { interval: '100ms', baseEjectionTime: '60s', maxEjectionPercent: 100 };

/** See the file's first line. */
export const destinationRuleCases: readonly TrafficCase[] = [
  {
    name: 'connectionPool: one connection and one pending request',
    proves: [`${pool}.tcp.maxConnections`, `${pool}.http.http1MaxPendingRequests`],
    resources: other({ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }),
    run: async (mesh) => {
      // The connection is there already: one request is on it, one waits.
      await mesh.get('/', toOther);
      assert.deepEqual(await atOnce(mesh, 8), { 200: 2, 503: 6 });
    },
  },
  {
    name: 'connectionPool.http.http2MaxRequests',
    proves: [`${pool}.http.http2MaxRequests`],
    resources: other({ connectionPool: { http: { http2MaxRequests: 3, h2UpgradePolicy: 'UPGRADE' } } }),
    run: async (mesh) => {
      assert.deepEqual(await atOnce(mesh, 8), { 200: 3, 503: 5 });
    },
  },
  {
    name: 'connectionPool.http.h2UpgradePolicy UPGRADE and DO_NOT_UPGRADE',
    proves: [`${pool}.http.h2UpgradePolicy`],
    resources: other({ connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } }),
    later: other({ connectionPool: { http: { h2UpgradePolicy: 'DO_NOT_UPGRADE' } } }),
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '2.0');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '1.1');
    },
  },
  {
    name: 'connectionPool.http.useClientProtocol',
    proves: [`${pool}.http.useClientProtocol`],
    resources: other({ connectionPool: { http: { useClientProtocol: true } } }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/', toOther)).echo.protocol, '1.1');
      assert.equal((await sendHttp2('/', { port: mesh.ports.http, host: 'other' })).echo.protocol, '2.0');
    },
  },
  {
    name: 'connectionPool.http.maxRequestsPerConnection',
    proves: [`${pool}.http.maxRequestsPerConnection`],
    resources: other({ connectionPool: { http: { maxRequestsPerConnection: 2 } } }),
    run: async (mesh) => {
      const connections: number[] = [];
      for (let i = 0; i < 6; i++) connections.push((await mesh.get('/', toOther)).echo.connection);
      assert.equal(new Set(connections).size, 3, connections.join());
    },
  },
  {
    name: 'connectionPool.http.idleTimeout closes what is idle',
    proves: [`${pool}.http.idleTimeout`],
    resources: other({ connectionPool: { http: { idleTimeout: '200ms' } } }),
    run: async (mesh) => {
      const first = (await mesh.get('/', toOther)).echo.connection;
      assert.equal((await mesh.get('/', toOther)).echo.connection, first);
      await waitFor(() => mesh.servers.o1.open() === 0, { what: 'the idle connection to close', limitMs: 5_000 });
    },
  },
  {
    name: 'connectionPool.http.maxConcurrentStreams',
    proves: [`${pool}.http.maxConcurrentStreams`],
    resources: other({ connectionPool: { http: { maxConcurrentStreams: 2, h2UpgradePolicy: 'UPGRADE' } } }),
    run: async (mesh) => {
      const call = { ...toOther, headers: { 'x-delay-ms': '200' } };
      const answers = await Promise.all(Array.from({ length: 8 }, () => mesh.get('/', call)));
      const connections = answers.map(({ echo: { connection } }) => connection);
      assert.ok(new Set(connections).size >= 4, connections.join());
    },
  },
  {
    name: 'connectionPool.http.maxRetries',
    proves: [`${pool}.http.maxRetries`],
    resources: other({ connectionPool: { http: { maxRetries: 1 } } }),
    run: async (mesh) => {
      const key = mesh.newKey();
      const headers = { 'x-key': key, 'x-fail': '999', 'x-delay-ms': '200' };
      await Promise.all(Array.from({ length: 10 }, () => mesh.get('/', { ...toOther, headers })));
      // Two retries each would make 30.
      assertBetween(mesh.seen(key).length, 11, 20, 'attempts');
    },
  },
  {
    name: 'retryBudget',
    proves: [`${policy}.retryBudget.percent`, `${policy}.retryBudget.minRetryConcurrency`],
    resources: other({ retryBudget: { percent: 0, minRetryConcurrency: 1 } }),
    run: async (mesh) => {
      const key = mesh.newKey();
      const headers = { 'x-key': key, 'x-fail': '999', 'x-delay-ms': '200' };
      await Promise.all(Array.from({ length: 10 }, () => mesh.get('/', { ...toOther, headers })));
      assertBetween(mesh.seen(key).length, 11, 20, 'attempts');
    },
  },
  {
    name: 'connectionPool.tcp.connectTimeout',
    proves: [`${pool}.tcp.connectTimeout`],
    resources: ({ ports }) => [
      // TEST-NET-1 (RFC 5737): nobody answers there.
      serviceEntry('void', {
        hosts: ['void.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [{ address: '192.0.2.1' }],
      }),
      destinationRule('void', {
        host: 'void.example.com',
        trafficPolicy: { connectionPool: { tcp: { connectTimeout: '200ms' } } },
      }),
      virtualService('void', {
        hosts: ['void.example.com'],
        http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'void.example.com' } }] }],
      }),
    ],
    run: async (mesh) => {
      const { status, ms } = await mesh.get('/', { host: 'void.example.com' });
      assert.equal(status, 503);
      assert.ok(ms < 3_000, `${ms} ms`);
    },
  },
  {
    name: 'connectionPool.tcp.maxConnections for TCP',
    proves: [`${pool}.tcp.maxConnections`],
    resources: echo({ connectionPool: { tcp: { maxConnections: 1 } } }),
    run: async (mesh) => {
      const held = await whileOpening(() => opened(mesh.ports.tcp));
      await assert.rejects(exchange('x', { port: mesh.ports.tcp }));
      held.destroy();
      await waitFor(
        () =>
          exchange('x', { port: mesh.ports.tcp }).then(
            () => true,
            () => false,
          ),
        { what: 'the place to be free again', limitMs: 5_000 },
      );
    },
  },
  {
    name: 'connectionPool.tcp.idleTimeout',
    proves: [`${pool}.tcp.idleTimeout`],
    resources: echo({ connectionPool: { tcp: { idleTimeout: '300ms' } } }),
    run: async (mesh) => assertBetween(await lifetime(mesh.ports.tcp), 250, 3_000),
  },
  {
    name: 'connectionPool.tcp.maxConnectionDuration for TCP',
    proves: [`${pool}.tcp.maxConnectionDuration`],
    resources: echo({ connectionPool: { tcp: { maxConnectionDuration: '400ms' } } }),
    run: async (mesh) => assertBetween(await lifetime(mesh.ports.tcp, 50), 350, 3_000),
  },
  {
    name: 'connectionPool.tcp.maxConnectionDuration for HTTP',
    proves: [`${pool}.tcp.maxConnectionDuration`],
    resources: other({ connectionPool: { tcp: { maxConnectionDuration: '300ms' } } }),
    run: async (mesh) => {
      const first = (await mesh.get('/', toOther)).echo.connection;
      await waitFor(async () => (await mesh.get('/', toOther)).echo.connection !== first, {
        what: 'a new connection',
        limitMs: 5_000,
      });
    },
  },
  {
    name: 'outlierDetection.consecutive5xxErrors',
    proves: ['consecutive5xxErrors', 'interval', 'baseEjectionTime', 'maxEjectionPercent'].map(
      (field) => `${outlier}.${field}`,
    ),
    resources: () => [noRetries(), ...echo({ outlierDetection: { consecutive5xxErrors: 3, ...fast } })()],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 3, '500'), ['e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection: one error fewer ejects nobody',
    proves: [`${outlier}.consecutive5xxErrors`],
    resources: () => [noRetries(), ...echo({ outlierDetection: { consecutive5xxErrors: 3, ...fast } })()],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 2, '500'), ['e1', 'e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.consecutiveGatewayErrors counts 502 to 504 only',
    proves: [`${outlier}.consecutiveGatewayErrors`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, ...fast } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 4, '500'), ['e1', 'e2', 'e3']);
      assert.deepEqual(await afterErrors(mesh, 2, '502'), ['e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.baseEjectionTime ends',
    proves: [`${outlier}.baseEjectionTime`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, baseEjectionTime: '500ms' } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 1, '500'), ['e2', 'e3']);
      await waitFor(async () => Object.keys(await mesh.tally(20, '/')).length === 3, {
        what: 'e1 to come back',
        limitMs: 5_000,
      });
    },
  },
  {
    name: 'outlierDetection.maxEjectionPercent leaves the others',
    proves: [`${outlier}.maxEjectionPercent`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, maxEjectionPercent: 34 } })(),
    ],
    run: async (mesh) => {
      for (const only of ['e1', 'e2', 'e3']) {
        for (let i = 0; i < 20; i++) await mesh.get('/', { headers: { 'x-only': only, 'x-status': '500' } });
      }
      await ejection();
      assert.equal(Object.keys(await mesh.tally(60, '/')).length, 2);
    },
  },
  {
    name: 'outlierDetection.minHealthPercent: with too few healthy ones, all are used again',
    proves: [`${outlier}.minHealthPercent`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, minHealthPercent: 80 } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 1, '500'), ['e1', 'e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.splitExternalLocalOriginErrors and consecutiveLocalOriginFailures',
    proves: [`${outlier}.splitExternalLocalOriginErrors`, `${outlier}.consecutiveLocalOriginFailures`],
    resources: ({ ports, instances: { e1 } }) => [
      serviceEntry('half', {
        hosts: ['half.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [
          { address: e1.address, ports: { http: e1.port } },
          { address: '127.66.0.99', ports: { http: 1 } },
        ],
      }),
      destinationRule('half', {
        host: 'half.example.com',
        trafficPolicy: {
          outlierDetection: {
            splitExternalLocalOriginErrors: true,
            consecutiveLocalOriginFailures: 2,
            consecutive5xxErrors: 0,
            ...fast,
          },
        },
      }),
      virtualService('half', {
        hosts: ['half.example.com'],
        http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'half.example.com' } }] }],
      }),
    ],
    run: async (mesh) => {
      const half = { host: 'half.example.com' };
      await mesh.tally(40, '/', half);
      await ejection();
      assert.deepEqual(await mesh.tally(40, '/', half), { e1: 40 });
      await mesh.tally(10, '/', { ...half, headers: { 'x-status': '500' } });
      assert.deepEqual(await mesh.tally(20, '/', half), { e1: 20 }, 'errors of the application do not count');
    },
  },
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

/** A connection over which bytes have gone. */
async function opened(port: number) {
  const socket = openSocket({ port });
  await new Promise((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
    socket.write('hello');
  });
  return socket;
}

/** How long a TCP connection lives, in ms, with a byte sent every `chatMs`. */
async function lifetime(port: number, chatMs = 0): Promise<number> {
  const socket = await whileOpening(() => opened(port));
  const started = performance.now();
  const timer = chatMs > 0 ? setInterval(() => socket.write('x'), chatMs) : undefined;
  socket.on('error', () => {});
  socket.resume();
  await Promise.race([
    new Promise((resolve) => socket.once('close', resolve)),
    new Promise((resolve) => setTimeout(resolve, 5_000)),
  ]);
  clearInterval(timer);
  socket.destroy();
  return performance.now() - started;
}
