// VirtualService http: timeouts and retries.
import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../mesh/config/schemas/virtual-service.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { assertBetween, toEcho, toOther } from '../expectations.ts';
import { destinationRule, type Manifest, serviceEntry, virtualService } from '../resources.ts';

const http = 'VirtualService.http';

/** One rule for `echo`. */
function rule(one: HTTPRoute, ...more: readonly Manifest[]): () => Manifest[] {
  return () => [virtualService('route', { hosts: ['echo'], http: [one] }), ...more];
}

/** Status of a request that fails `fail` times with `headers`, and how many attempts arrived. */
async function failing(mesh: CaseMesh, fail: number, headers: Readonly<Record<string, string>> = {}) {
  const key = mesh.newKey();
  const { status, ms } = await mesh.get('/', { headers: { 'x-key': key, 'x-fail': String(fail), ...headers } });
  return { status, ms, attempts: mesh.seen(key).length, instances: mesh.seen(key).map(({ instance }) => instance) };
}

/** See the file's first line. */
export const httpRetryCases: readonly TrafficCase[] = [
  {
    name: 'timeout',
    proves: [`${http}.timeout`],
    resources: rule({ timeout: '0.2s', ...toOther }),
    run: async (mesh) => {
      const slow = await mesh.get('/', { headers: { 'x-delay-ms': '2000' } });
      assert.equal(slow.status, 504);
      assertBetween(slow.ms, 150, 1500);
      assert.equal((await mesh.get('/', { headers: { 'x-delay-ms': '20' } })).status, 200);
    },
  },
  {
    name: 'no timeout where none is set',
    proves: [`${http}.timeout`],
    resources: () => [
      virtualService('route', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/short' } }], timeout: '100ms', ...toOther }, toOther],
      }),
    ],
    run: async (mesh) => {
      const headers = { 'x-delay-ms': '400' };
      assert.equal((await mesh.get('/long', { headers })).status, 200);
      assert.equal((await mesh.get('/short', { headers })).status, 504);
    },
  },
  {
    name: 'retries.attempts and retryOn 5xx',
    proves: [`${http}.retries.attempts`, `${http}.retries.retryOn`],
    resources: rule({ retries: { attempts: 3, retryOn: '5xx' }, ...toEcho }),
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 3, { 'x-status': '500' })), [200, 4]);
      assert.deepEqual(pick(await failing(mesh, 9, { 'x-status': '500' })), [500, 4]);
    },
  },
  {
    name: 'retries.retryOn with status codes',
    proves: [`${http}.retries.retryOn`],
    resources: rule({ retries: { attempts: 2, retryOn: 'gateway-error,418' }, ...toEcho }),
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '418' })), [200, 2]);
      assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '502' })), [200, 2]);
      assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '500' })), [500, 1]);
    },
  },
  {
    name: 'retries: the default is two for what was never processed, on other instances; a 503 may have been',
    proves: [`${http}.retries`],
    resources: rule({ retries: { attempts: 2 }, ...toEcho }),
    run: assertDefaultRetries,
  },
  {
    name: 'retries: without a VirtualService the same',
    proves: [],
    run: assertDefaultRetries,
  },
  {
    name: 'retries.attempts 0 switches them off',
    proves: [`${http}.retries.attempts`],
    resources: rule({ retries: { attempts: 0 }, ...toEcho }),
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 0, unavailable)), [200, 1]);
    },
  },
  {
    name: 'retries.perTryTimeout',
    proves: [`${http}.retries.perTryTimeout`],
    resources: rule({ timeout: '5s', retries: { attempts: 2, perTryTimeout: '200ms', retryOn: '5xx' }, ...toEcho }),
    run: async (mesh) => {
      const { status, ms, attempts } = await failing(mesh, 1, { 'x-delay-ms': '2000' });
      assert.deepEqual([status, attempts], [200, 2]);
      assertBetween(ms, 180, 1500);
    },
  },
  {
    name: 'retries.backoff',
    proves: [`${http}.retries.backoff`],
    resources: rule({ retries: { attempts: 3, retryOn: '503', backoff: '400ms' }, ...toEcho }),
    run: async (mesh) => {
      // Pauses are random below 400, 800 and 1600 ms; with Envoy's own 25 ms they would never add up to 180.
      const both = await Promise.all([failing(mesh, 3), failing(mesh, 3)]);
      for (const { status } of both) assert.equal(status, 200);
      assertBetween(Math.max(...both.map(({ ms }) => ms)), 180, 5_000);
    },
  },
  {
    name: 'retries.retryIgnorePreviousHosts: true never asks one instance twice in a row',
    proves: [`${http}.retries.retryIgnorePreviousHosts`],
    resources: rule(
      { retries: { attempts: 2, retryOn: '503', retryIgnorePreviousHosts: true }, ...toEcho },
      destinationRule('echo', { host: 'echo', trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } }),
    ),
    run: async (mesh) => {
      for (let i = 0; i < 20; i++) {
        const { instances } = await failing(mesh, 9);
        assert.equal(new Set(instances).size, 3, instances.join());
      }
    },
  },
  {
    name: 'retries.retryIgnorePreviousHosts: false may',
    proves: [`${http}.retries.retryIgnorePreviousHosts`],
    resources: rule(
      { retries: { attempts: 2, retryOn: '503', retryIgnorePreviousHosts: false }, ...toEcho },
      destinationRule('echo', { host: 'echo', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }),
    ),
    run: async (mesh) => {
      const runs = await Promise.all(Array.from({ length: 20 }, () => failing(mesh, 9)));
      assert.ok(runs.some(({ instances }) => new Set(instances).size < 3));
    },
  },
  {
    name: 'retries.retryRemoteLocalities goes on to farther endpoints',
    proves: [`${http}.retries.retryRemoteLocalities`],
    resources: ({ ports, instances: { e1, e2 } }) => [
      serviceEntry('spread', {
        hosts: ['spread.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [
          { address: e1.address, ports: { http: e1.port }, locality: 'region1/zone1/a' },
          { address: e2.address, ports: { http: e2.port }, locality: 'region2/zone1/a' },
        ],
      }),
      destinationRule('spread', {
        host: 'spread.example.com',
        trafficPolicy: { outlierDetection: { consecutive5xxErrors: 100 } },
      }),
      virtualService('spread', {
        hosts: ['spread.example.com'],
        http: [
          {
            match: [{ uri: { prefix: '/remote' } }],
            retries: { attempts: 4, retryOn: '503', retryRemoteLocalities: true },
            route: [{ destination: { host: 'spread.example.com' } }],
          },
          { retries: { attempts: 4, retryOn: '503' }, route: [{ destination: { host: 'spread.example.com' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const host = 'spread.example.com';
      const instancesOf = async (path: string) => {
        const key = mesh.newKey();
        const { status } = await mesh.get(path, { host, headers: { 'x-key': key, 'x-only': 'e1', 'x-status': '503' } });
        return { status, last: mesh.seen(key).at(-1)?.instance };
      };
      assert.deepEqual(await instancesOf('/remote'), { status: 200, last: 'e2' });
      assert.deepEqual(await instancesOf('/near'), { status: 503, last: 'e1' });
    },
  },
];

/** Answers that say gRPC's UNAVAILABLE. */
const unavailable = { 'x-answer': '{"grpc-status":"14"}' };

async function assertDefaultRetries(mesh: CaseMesh): Promise<void> {
  const { attempts, instances } = await failing(mesh, 0, unavailable);
  assert.equal(attempts, 3);
  assert.equal(new Set(instances).size, 3, instances.join());
  assert.deepEqual(pick(await failing(mesh, 1)), [503, 1]);
  assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '500' })), [500, 1]);
}

function pick({ status, attempts }: { readonly status: number; readonly attempts: number }): [number, number] {
  return [status, attempts];
}
