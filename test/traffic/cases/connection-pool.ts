// DestinationRule: connectionPool and retryBudget, the limits towards a destination.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, openSocket, whileOpening } from '../client.ts';
import { assertBetween } from '../expectations.ts';
import { destinationRule, type Manifest, meshConfig, serviceEntry } from '../resources.ts';
import { startDeafHttp2, startMute } from '../silent-servers.ts';

const policy = 'DestinationRule.trafficPolicy';
const pool = `${policy}.connectionPool`;

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

/** Istio's own default does not repeat a 503. */
const retried =
  (resources: (place: Place) => readonly Manifest[]) =>
  (place: Place): Manifest[] => [
    ...resources(place),
    meshConfig({ defaultHttpRetryPolicy: { attempts: 2, retryOn: '5xx' } }),
  ];

/** Ten requests at once that fail: with two retries each they make 30 attempts. */
async function attemptsOfTen(mesh: CaseMesh): Promise<number> {
  const key = mesh.newKey();
  const headers = { 'x-key': key, 'x-fail': '999', 'x-delay-ms': '200' };
  await Promise.all(Array.from({ length: 10 }, () => mesh.get('/', { ...toOther, headers })));
  return mesh.seen(key).length;
}

const silent = { address: '127.66.0.98', host: 'silent.example.com' };
/** A service whose only endpoint is on the last spare port: the case starts it. */
function toSilent(trafficPolicy: TrafficPolicy): (place: Place) => Manifest[] {
  return ({ ports }) => [
    serviceEntry('silent', {
      hosts: [silent.host],
      ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: silent.address, ports: { http: ports.spare[5] } }],
    }),
    destinationRule('silent', { host: silent.host, trafficPolicy }),
  ];
}

/** See the file's first line. */
export const connectionPoolCases: readonly TrafficCase[] = [
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
      assert.equal((await mesh.getHttp2('/', toOther)).echo.protocol, '2.0');
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
    resources: retried(other({ connectionPool: { http: { maxRetries: 1 } } })),
    run: async (mesh) => {
      const attempts = await attemptsOfTen(mesh);
      // Two retries each would make 30.
      assertBetween(attempts, 11, 20, 'attempts');
    },
  },
  {
    name: 'connectionPool.tcp.connectTimeout: a handshake that is not answered',
    proves: [`${pool}.tcp.connectTimeout`],
    resources: toSilent({
      tls: { mode: 'SIMPLE', insecureSkipVerify: true },
      connectionPool: { tcp: { connectTimeout: '300ms' } },
    }),
    run: async (mesh) => {
      const server = await startMute(mesh.silentAddress, mesh.ports.spare[5]);
      try {
        const { status, ms } = await mesh.get('/', { host: silent.host });
        assert.equal(status, 503);
        // Three attempts; the mesh's default is ten seconds.
        assertBetween(ms, 290, 8_000);
      } finally {
        await server.stop();
      }
    },
  },
  {
    name: 'connectionPool.http.http2KeepAlive: who answers no ping is given up',
    proves: [`${pool}.http.http2KeepAlive.interval`, `${pool}.http.http2KeepAlive.timeout`],
    resources: toSilent({
      connectionPool: {
        http: { h2UpgradePolicy: 'UPGRADE', http2KeepAlive: { interval: '200ms', timeout: '200ms' } },
      },
    }),
    run: async (mesh) => {
      const server = await startDeafHttp2(mesh.silentAddress, mesh.ports.spare[5]);
      try {
        const { status, ms } = await mesh.get('/', { host: silent.host });
        assert.equal(status, 503);
        assertBetween(ms, 350, 8_000);
      } finally {
        await server.stop();
      }
    },
  },
  {
    name: 'connectionPool.tcp.idleTimeout closes what is idle of HTTP, too',
    proves: [`${pool}.tcp.idleTimeout`],
    resources: other({ connectionPool: { tcp: { idleTimeout: '200ms' } } }),
    run: async (mesh) => {
      await mesh.get('/', toOther);
      await waitFor(() => mesh.servers.o1.open() === 0, { what: 'the idle connection to close', limitMs: 5_000 });
    },
  },
  {
    name: 'retryBudget.percent',
    proves: [`${policy}.retryBudget.percent`],
    resources: retried(other({ retryBudget: { percent: 100, minRetryConcurrency: 1 } })),
    run: async (mesh) => {
      const call = { ...toOther, headers: { 'x-delay-ms': '1500' } };
      const others = Promise.all(Array.from({ length: 20 }, () => mesh.get('/', call)));
      // Of the 30 requests that are active, Istio's 20 % would let six be retried at a time.
      assert.equal(await attemptsOfTen(mesh), 30);
      await others;
    },
  },
  {
    name: 'retryBudget.budgetInterval: requests of some time before count',
    proves: [`${policy}.retryBudget.budgetInterval`],
    resources: retried(other({ retryBudget: { percent: 20, minRetryConcurrency: 1, budgetInterval: '30s' } })),
    run: async (mesh) => {
      await mesh.tally(100, '/', toOther);
      assertBetween(await attemptsOfTen(mesh), 28, 30, 'attempts');
    },
  },
  {
    name: 'retryBudget',
    proves: [`${policy}.retryBudget.minRetryConcurrency`],
    resources: retried(other({ retryBudget: { percent: 0, minRetryConcurrency: 1 } })),
    run: async (mesh) => {
      const attempts = await attemptsOfTen(mesh);
      assertBetween(attempts, 11, 20, 'attempts');
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
];

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
