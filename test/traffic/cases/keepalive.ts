// TCP keepalive, of rules at every level and of the mesh: a proxy finds out by itself that an instance has vanished without a word.
import assert from 'node:assert/strict';
import type { TcpKeepalive } from '../../../mesh/config/schemas/destination-rule.ts';
import type { CapturedCase, CapturedMesh, CapturedPlace } from '../captured/mesh.ts';
import { atLevel, levelNames } from '../policy-levels.ts';
import { destinationRule, type Manifest, meshConfig, serviceEntry } from '../resources.ts';

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
];
