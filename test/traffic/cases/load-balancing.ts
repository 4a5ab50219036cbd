// DestinationRule: which endpoint gets a request.
import assert from 'node:assert/strict';
import type { LoadBalancerSettings } from '../../../mesh/config/schemas/destination-rule.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { type Call, exchange } from '../client.ts';
import { assertBetween } from '../expectations.ts';
import { destinationRule, type Manifest, virtualService } from '../resources.ts';

const lb = 'DestinationRule.trafficPolicy.loadBalancer';

function balanced(loadBalancer: LoadBalancerSettings): () => Manifest[] {
  return () => [destinationRule('echo', { host: 'echo', trafficPolicy: { loadBalancer } })];
}

/** Each key always reaches one instance, and `keys` different ones reach several. */
async function isSticky(
  mesh: CaseMesh,
  callOf: (key: string) => readonly [path: string, call?: Partial<Call>],
): Promise<void> {
  const reached = new Set<string>();
  for (let i = 0; i < 24; i++) {
    const [path, call] = callOf(`user-${i}`);
    const seen = await mesh.tally(4, path, call);
    assert.equal(Object.keys(seen).length, 1, `${path} ${JSON.stringify(call)}: ${JSON.stringify(seen)}`);
    reached.add(Object.keys(seen)[0] ?? '');
  }
  assert.ok(reached.size > 1, 'different keys reach different instances');
}

/** See the file's first line. */
export const loadBalancingCases: readonly TrafficCase[] = [
  {
    name: 'loadBalancer.simple ROUND_ROBIN takes turns',
    proves: [`${lb}.simple`],
    resources: balanced({ simple: 'ROUND_ROBIN' }),
    run: async (mesh) => {
      const order: string[] = [];
      for (let i = 0; i < 12; i++) order.push((await mesh.get('/')).echo.instance);
      for (let i = 3; i < 12; i++) assert.equal(order[i], order[i - 3], order.join());
    },
  },
  {
    name: 'loadBalancer.simple RANDOM does not take turns and reaches all',
    proves: [`${lb}.simple`],
    resources: balanced({ simple: 'RANDOM' }),
    run: async (mesh) => {
      const order: string[] = [];
      for (let i = 0; i < 60; i++) order.push((await mesh.get('/')).echo.instance);
      assert.equal(new Set(order).size, 3);
      assert.ok(order.some((instance, i) => i >= 3 && instance !== order[i - 3]));
    },
  },
  {
    name: 'loadBalancer.simple LEAST_REQUEST avoids the busy instance',
    proves: [`${lb}.simple`],
    resources: balanced({ simple: 'LEAST_REQUEST' }),
    run: async (mesh) => {
      const delayed = {
        headers: { 'x-only': 'e1', 'x-fail': '999', 'x-status': '200', 'x-delay-ms': '1500', 'x-key': mesh.newKey() },
      };
      const busy = Promise.all(Array.from({ length: 60 }, () => mesh.get('/', delayed)));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const seen = await mesh.tally(200, '/');
      await busy;
      assert.ok((seen.e1 ?? 0) < 50, JSON.stringify(seen));
    },
  },
  {
    name: 'loadBalancer.consistentHash by header (ring hash)',
    proves: [`${lb}.consistentHash.httpHeaderName`],
    resources: balanced({ consistentHash: { httpHeaderName: 'x-user' } }),
    run: (mesh) => isSticky(mesh, (user) => ['/', { headers: { 'x-user': user } }]),
  },
  {
    name: 'loadBalancer.consistentHash by header with ringHash.minimumRingSize',
    proves: [`${lb}.consistentHash.ringHash.minimumRingSize`],
    resources: balanced({ consistentHash: { httpHeaderName: 'x-user', ringHash: { minimumRingSize: 4096 } } }),
    run: async (mesh) => {
      await isSticky(mesh, (user) => ['/', { headers: { 'x-user': user } }]);
      assert.ok((await ringSize(mesh, 'ring_hash_lb.min_hashes_per_host')) >= 1365);
    },
  },
  {
    name: 'loadBalancer.consistentHash.minimumRingSize, the old form',
    proves: [`${lb}.consistentHash.minimumRingSize`],
    resources: balanced({ consistentHash: { httpHeaderName: 'x-user', minimumRingSize: 4096 } }),
    run: async (mesh) => {
      await isSticky(mesh, (user) => ['/', { headers: { 'x-user': user } }]);
      assert.ok((await ringSize(mesh, 'ring_hash_lb.min_hashes_per_host')) >= 1365);
    },
  },
  {
    name: 'loadBalancer.consistentHash with maglev.tableSize',
    proves: [`${lb}.consistentHash.maglev.tableSize`],
    resources: balanced({ consistentHash: { httpHeaderName: 'x-user', maglev: { tableSize: 307 } } }),
    run: async (mesh) => {
      await isSticky(mesh, (user) => ['/', { headers: { 'x-user': user } }]);
      assertBetween(await ringSize(mesh, 'maglev_lb.max_entries_per_host'), 102, 104, 'entries a host of 307');
    },
  },
  {
    name: 'loadBalancer.consistentHash by query parameter',
    proves: [`${lb}.consistentHash.httpQueryParameterName`],
    resources: balanced({ consistentHash: { httpQueryParameterName: 'user' } }),
    run: (mesh) => isSticky(mesh, (user) => [`/?user=${user}`]),
  },
  {
    name: 'loadBalancer.consistentHash by cookie',
    proves: ['name', 'path', 'ttl'].map((field) => `${lb}.consistentHash.httpCookie.${field}`),
    resources: balanced({ consistentHash: { httpCookie: { name: 'session', path: '/shop', ttl: '60s' } } }),
    run: async (mesh) => {
      const { headers, echo } = await mesh.get('/');
      const [cookie = ''] = headers['set-cookie'] ?? [];
      assert.match(cookie, /^session="?[0-9a-f]+"?; Max-Age=60; Path=\/shop; HttpOnly$/);
      const own = await mesh.tally(10, '/', { headers: { cookie: cookie.slice(0, cookie.indexOf(';')) } });
      assert.deepEqual(own, { [echo.instance]: 10 });
      await isSticky(mesh, (user) => ['/', { headers: { cookie: `session=${user}` } }]);
    },
  },
  {
    name: 'loadBalancer.consistentHash.httpCookie.attributes',
    proves: [`${lb}.consistentHash.httpCookie.attributes.name`, `${lb}.consistentHash.httpCookie.attributes.value`],
    resources: balanced({
      consistentHash: {
        httpCookie: { name: 'session', ttl: '0s', attributes: [{ name: 'SameSite', value: 'Strict' }] },
      },
    }),
    run: async (mesh) => {
      const [cookie = ''] = (await mesh.get('/')).headers['set-cookie'] ?? [];
      assert.match(cookie, /SameSite=Strict/);
      assert.doesNotMatch(cookie, /Max-Age/, 'a session cookie');
    },
  },
  {
    name: 'loadBalancer.consistentHash.useSourceIp',
    proves: [`${lb}.consistentHash.useSourceIp`],
    resources: balanced({ consistentHash: { useSourceIp: true } }),
    run: async (mesh) => {
      assert.equal(Object.keys(await mesh.tally(30, '/')).length, 1);
    },
  },
  {
    name: 'loadBalancer.consistentHash.useSourceIp for TCP',
    proves: [`${lb}.consistentHash.useSourceIp`],
    resources: balanced({ consistentHash: { useSourceIp: true } }),
    run: async (mesh) => {
      const reached = new Set<string>();
      for (let i = 1; i <= 16; i++) {
        const answers = new Set<string>();
        for (let n = 0; n < 3; n++) answers.add(await exchange('x', { port: mesh.ports.tcp, from: `127.88.0.${i}` }));
        assert.equal(answers.size, 1, [...answers].join());
        for (const answer of answers) reached.add(answer);
      }
      assert.ok(reached.size > 1, 'different sources reach different instances');
    },
  },
  {
    name: 'loadBalancer of a subset, of a port, and what inherits from what',
    proves: [
      'DestinationRule.subsets.trafficPolicy.loadBalancer.consistentHash.httpHeaderName',
      'DestinationRule.trafficPolicy.portLevelSettings.loadBalancer.consistentHash.httpHeaderName',
      'DestinationRule.trafficPolicy.portLevelSettings.port.number',
    ],
    resources: ({ ports }) => [
      destinationRule('echo', {
        host: 'echo',
        trafficPolicy: {
          loadBalancer: { simple: 'ROUND_ROBIN' },
          portLevelSettings: [
            { port: { number: ports.alt }, loadBalancer: { consistentHash: { httpHeaderName: 'x-port' } } },
          ],
        },
        subsets: [
          {
            name: 'all',
            labels: { app: 'echo' },
            trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: 'x-subset' } } },
          },
          { name: 'plain', labels: { app: 'echo' } },
        ],
      }),
      virtualService('echo', {
        hosts: ['echo'],
        http: [
          { match: [{ port: ports.alt }], route: [{ destination: { host: 'echo', port: { number: ports.alt } } }] },
          { match: [{ uri: { prefix: '/all' } }], route: [{ destination: { host: 'echo', subset: 'all' } }] },
          { match: [{ uri: { prefix: '/plain' } }], route: [{ destination: { host: 'echo', subset: 'plain' } }] },
          { route: [{ destination: { host: 'echo' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const keys = { headers: { 'x-port': 'k', 'x-subset': 'k' } };
      assert.equal(Object.keys(await mesh.tally(20, '/', { ...keys, port: mesh.ports.alt })).length, 1);
      assert.equal(Object.keys(await mesh.tally(20, '/all', keys)).length, 1);
      assert.equal(Object.keys(await mesh.tally(20, '/plain', keys)).length, 3);
      assert.equal(Object.keys(await mesh.tally(20, '/', keys)).length, 3);
    },
  },
];

/** A gauge of the cluster of echo's HTTP port, or of its only subset, at the sidecar. */
async function ringSize(mesh: CaseMesh, gauge: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${mesh.admin.sidecar}/stats?filter=${gauge.replaceAll('.', '\\.')}`);
  const cluster = new RegExp(`\\|${mesh.ports.http}\\|(all)?\\|echo\\.default\\.`);
  const line = (await response.text()).split('\n').find((one) => cluster.test(one));
  if (line === undefined) throw new Error(`no ${gauge}`);
  return Number(line.split(': ')[1]);
}
