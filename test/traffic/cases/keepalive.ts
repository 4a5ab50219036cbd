// TCP keepalive, of rules at every level and of the mesh: a proxy finds out by itself that an instance has vanished without a word.
import assert from 'node:assert/strict';
import type { TcpKeepalive } from '../../../mesh/config/schemas/destination-rule.ts';
import type { CapturedCase, CapturedMesh, CapturedPlace } from '../captured/mesh.ts';
import { openSocket, send } from '../client.ts';
import { assertBetween } from '../expectations.ts';
import { atLevel, levelNames } from '../policy-levels.ts';
import { destinationRule, type Manifest, meshConfig, serviceEntry, sidecar } from '../resources.ts';

/** Two seconds in all. Linux' defaults would be two hours, then 75 s each time; nine probes would take ten seconds. */
const keepalive: TcpKeepalive = { time: '1s', interval: '1s', probes: 1 };
const port = 7000;
const fields = Object.keys(keepalive);

/** A TCP service of its own, by its virtual address. */
const addressOf = (index: number) => `10.99.7.${index + 1}`;
function service(index: number, { servers: { a } }: CapturedPlace): Manifest {
  return serviceEntry(`vanishing-${index}`, {
    hosts: [`vanishing-${index}.example.com`],
    addresses: [addressOf(index)],
    resolution: 'STATIC',
    ports: [{ number: port, name: 'tcp', protocol: 'TCP' }],
    endpoints: [{ address: a.address, ports: { tcp: a.port } }],
  });
}

function ruleAt(level: string, index: number, place: CapturedPlace): readonly Manifest[] {
  const rule = destinationRule(`vanishing-${index}`, {
    host: `vanishing-${index}.example.com`,
    trafficPolicy: { connectionPool: { tcp: { tcpKeepalive: keepalive } } },
  });
  return atLevel(level, [service(index, place), rule], { http: [], tcp: [port], others: [] });
}

/** Holds a connection to each service, lets the instance vanish, and gives what came of each. */
async function afterVanishing(mesh: CapturedMesh, count: number): Promise<readonly (string | undefined)[]> {
  const all = Array.from({ length: count }, (_, index) => index);
  for (const index of all) {
    const hold = { kind: 'hold', address: addressOf(index), port, text: `held-${index}` } as const;
    const { text, error } = await mesh.sees({ ...hold, kind: 'bytes' }, (outcome) => outcome.text !== undefined);
    assert.ok(text, error);
    await mesh.sends(hold);
  }
  const hearAgain = mesh.deafTo(mesh.servers.a);
  try {
    const release = (index: number) => mesh.sends({ kind: 'release', address: '', port: 0, text: `held-${index}` });
    return (await Promise.all(all.map(release))).map(({ text }) => text);
  } finally {
    hearAgain();
  }
}

/** Ports of ingress listeners by whose settings they have. */
const inboundPorts = {
  'ingress.connectionPool': { tcp: 7100, http: 7102 },
  inboundConnectionPool: { tcp: 7101, http: 7103 },
} as const;
const pool = { tcp: { connectTimeout: '300ms', tcpKeepalive: keepalive } };

function ingressOf({ app }: CapturedPlace): Manifest {
  const listener = (number: number, protocol: 'TCP' | 'HTTP') => ({
    port: { number, protocol, name: `${protocol.toLowerCase()}-${number}` },
    defaultEndpoint: `127.0.0.1:${app.port}`,
  });
  const { 'ingress.connectionPool': own, inboundConnectionPool: all } = inboundPorts;
  return sidecar('client', {
    workloadSelector: { labels: { app: 'client' } },
    ingress: [
      { ...listener(own.tcp, 'TCP'), connectionPool: pool },
      { ...listener(own.http, 'HTTP'), connectionPool: pool },
      listener(all.tcp, 'TCP'),
      listener(all.http, 'HTTP'),
    ],
    inboundConnectionPool: pool,
  });
}

/** A caller's connection through the proxy to the application: resolves when the application has answered. */
async function callerOf(mesh: CapturedMesh, number: number): Promise<{ readonly closed: Promise<unknown> }> {
  const socket = openSocket({ address: `${mesh.prefix}.2`, port: number });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
    socket.write('held');
  });
  return { closed };
}

/** See the file's first line. */
export const keepaliveCases: readonly CapturedCase[] = [
  {
    name: 'connectionPool.tcp.tcpKeepalive at every level',
    proves: levelNames.flatMap((level) =>
      fields.map((field) => `DestinationRule.${level}.connectionPool.tcp.tcpKeepalive.${field}`),
    ),
    resources: (place) => levelNames.flatMap((level, index) => ruleAt(level, index, place)),
    run: async (mesh) => {
      assert.deepEqual(
        await afterVanishing(mesh, levelNames.length),
        levelNames.map(() => 'closed'),
      );
    },
  },
  {
    name: 'tcpKeepalive of the mesh, and of its default traffic policy',
    proves: fields.flatMap((field) => [
      `MeshConfig.tcpKeepalive.${field}`,
      `MeshConfig.defaultTrafficPolicy.connectionPool.tcp.tcpKeepalive.${field}`,
    ]),
    resources: (place) => [meshConfig({ tcpKeepalive: keepalive }), service(0, place)],
    later: () => [meshConfig({ defaultTrafficPolicy: { connectionPool: { tcp: { tcpKeepalive: keepalive } } } })],
    run: async (mesh, later) => {
      assert.deepEqual(await afterVanishing(mesh, 1), ['closed']);
      await mesh.apply(...later);
      assert.deepEqual(await afterVanishing(mesh, 1), ['closed']);
    },
  },
  {
    name: 'ingress.connectionPool and inboundConnectionPool: connectTimeout and tcpKeepalive towards the application',
    proves: Object.keys(inboundPorts).flatMap((form) => [
      `Sidecar.${form}.tcp.connectTimeout`,
      ...fields.map((field) => `Sidecar.${form}.tcp.tcpKeepalive.${field}`),
    ]),
    resources: (place) => [ingressOf(place)],
    run: async (mesh) => {
      const listeners = Object.values(inboundPorts);
      const held = await Promise.all(listeners.map(({ tcp }) => callerOf(mesh, tcp)));
      const hearAgain = mesh.deafTo({ address: '127.0.0.1', port: mesh.app.port });
      const deafSince = performance.now();
      try {
        for (const { http } of listeners) {
          const { status, ms } = await send('/', { address: `${mesh.prefix}.2`, port: http, timeoutMs: 9_000 });
          assert.equal(status, 503);
          // Without a setting it would be ten seconds.
          assertBetween(ms, 290, 8_000);
        }
        await Promise.all(held.map(({ closed }) => closed));
        assertBetween(performance.now() - deafSince, 1_000, 9_500);
      } finally {
        hearAgain();
      }
    },
  },
];
