// VirtualService http: timeouts, retries, faults, mirrors, CORS.
import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../mesh/config/schemas/virtual-service.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { sendHttp2 } from '../client.ts';
import { assertBetween, assertShare, toEcho, toOther, versions } from '../expectations.ts';
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

/** How many requests with `key` arrived within the time that mirrored ones need. */
async function mirrored(mesh: CaseMesh, key: string, atLeast: number): Promise<number> {
  await waitFor(() => mesh.seen(key).length >= atLeast, {
    what: () => `${atLeast} requests, ${mesh.seen(key).length} came`,
    everyMs: 5,
    limitMs: 5_000,
  });
  return mesh.seen(key).length;
}

const origin = (value: string, more = {}) => ({ headers: { origin: value, ...more } });
const preflight = (value: string) => ({
  method: 'OPTIONS',
  headers: { origin: value, 'access-control-request-method': 'PUT' },
});

/** See the file's first line. */
export const httpPolicyCases: readonly TrafficCase[] = [
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
    name: 'retries: the default is two for what was never processed and for 503, on other instances',
    proves: [`${http}.retries`],
    resources: rule({ retries: { attempts: 2 }, ...toEcho }),
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 2)), [200, 3]);
      assert.deepEqual(pick(await failing(mesh, 9)), [503, 3]);
      assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '500' })), [500, 1]);
    },
  },
  {
    name: 'retries: without a VirtualService the same',
    proves: [],
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 2)), [200, 3]);
      assert.deepEqual(pick(await failing(mesh, 1, { 'x-status': '500' })), [500, 1]);
    },
  },
  {
    name: 'retries.attempts 0 switches them off',
    proves: [`${http}.retries.attempts`],
    resources: rule({ retries: { attempts: 0 }, ...toEcho }),
    run: async (mesh) => {
      assert.deepEqual(pick(await failing(mesh, 1)), [503, 1]);
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
  {
    name: 'fault.abort with a percentage of 100',
    proves: [`${http}.fault.abort.httpStatus`, `${http}.fault.abort.percentage.value`],
    resources: rule({ fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ...toEcho }),
    run: async (mesh) => {
      const key = mesh.newKey();
      assert.equal((await mesh.get('/', { headers: { 'x-key': key } })).status, 418);
      assert.equal(mesh.seen(key).length, 0);
    },
  },
  {
    name: 'fault.abort with a percentage of 30',
    proves: [`${http}.fault.abort.percentage.value`],
    resources: rule({ fault: { abort: { httpStatus: 418, percentage: { value: 30 } } }, ...toOther }),
    run: async (mesh) => assertShare(await mesh.tally(600, '/'), '418', 0.3),
  },
  {
    name: 'fault.abort.grpcStatus',
    proves: [`${http}.fault.abort.grpcStatus`],
    resources: rule({ fault: { abort: { grpcStatus: 'RESOURCE_EXHAUSTED', percentage: { value: 100 } } }, ...toEcho }),
    run: async (mesh) => {
      const { grpcStatus } = await sendHttp2('/pkg.Service/Method', { port: mesh.ports.grpc, grpc: true });
      assert.equal(grpcStatus, '8');
    },
  },
  {
    name: 'fault.delay with a percentage of 100',
    proves: [`${http}.fault.delay.fixedDelay`, `${http}.fault.delay.percentage.value`],
    resources: rule({ fault: { delay: { fixedDelay: '300ms', percentage: { value: 100 } } }, ...toEcho }),
    run: async (mesh) => {
      const { status, ms } = await mesh.get('/');
      assert.equal(status, 200);
      assertBetween(ms, 290, 2000);
    },
  },
  {
    name: 'fault.delay with a percentage of 50',
    proves: [`${http}.fault.delay.percentage.value`],
    resources: rule({ fault: { delay: { fixedDelay: '400ms', percentage: { value: 50 } } }, ...toEcho }),
    run: async (mesh) => {
      const answers = await Promise.all(Array.from({ length: 120 }, () => mesh.get('/')));
      const delayed = answers.filter(({ ms }) => ms >= 390).length;
      assertBetween(delayed, 30, 90, 'delayed requests of 120');
    },
  },
  {
    name: 'fault.delay with the old percent',
    proves: [`${http}.fault.delay.percent`],
    resources: rule({ fault: { delay: { fixedDelay: '300ms', percent: 100 } }, ...toEcho }),
    run: async (mesh) => assertBetween((await mesh.get('/')).ms, 290, 2000),
  },
  {
    name: 'fault in one rule only',
    proves: [`${http}.fault`],
    resources: () => [
      virtualService('route', {
        hosts: ['echo'],
        http: [
          {
            match: [{ headers: { 'end-user': { exact: 'jason' } } }],
            fault: { abort: { httpStatus: 500, percentage: { value: 100 } } },
            ...toOther,
          },
          toOther,
        ],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { headers: { 'end-user': 'jason' } })).status, 500);
      assert.equal((await mesh.get('/')).status, 200);
    },
  },
  {
    name: 'mirror',
    proves: [`${http}.mirror.host`, `${http}.mirror.subset`],
    resources: rule({ ...toOther, mirror: { host: 'echo', subset: 'v2' } }, versions()),
    run: async (mesh) => {
      const key = mesh.newKey();
      assert.equal(
        (await mesh.get('/m?q', { method: 'POST', body: 'text', headers: { 'x-key': key } })).echo.instance,
        'o1',
      );
      assert.equal(await mirrored(mesh, key, 2), 2);
      const copy = mesh.seen(key).find(({ instance }) => instance === 'e2');
      assert.deepEqual([copy?.path, copy?.method, copy?.body], ['/m?q', 'POST', 'text']);
    },
  },
  {
    name: 'mirror.port',
    proves: [`${http}.mirror.port.number`],
    resources: ({ ports }) => [
      virtualService('route', {
        hosts: ['echo'],
        http: [{ ...toOther, mirror: { host: 'echo', port: { number: ports.http2 } } }],
      }),
    ],
    run: async (mesh) => {
      const key = mesh.newKey();
      await mesh.get('/', { headers: { 'x-key': key } });
      await mirrored(mesh, key, 2);
      assert.ok(mesh.seen(key).some(({ protocol }) => protocol === '2.0'));
    },
  },
  {
    name: 'mirrorPercentage 25',
    proves: [`${http}.mirrorPercentage.value`],
    resources: rule({ ...toOther, mirror: { host: 'echo' }, mirrorPercentage: { value: 25 } }),
    run: async (mesh) => {
      const key = mesh.newKey();
      await mesh.tally(600, '/', { headers: { 'x-key': key } });
      await mirrored(mesh, key, 690);
      const copies = mesh.seen(key).filter(({ instance }) => instance !== 'o1').length;
      assertBetween(copies, 95, 205, 'mirrored requests of 600');
    },
  },
  {
    name: 'mirrorPercent, the old form',
    proves: [`${http}.mirrorPercent`],
    resources: rule({ ...toOther, mirror: { host: 'echo' }, mirrorPercent: 25 }),
    run: async (mesh) => {
      const key = mesh.newKey();
      await mesh.tally(600, '/', { headers: { 'x-key': key } });
      await mirrored(mesh, key, 690);
      assertBetween(mesh.seen(key).length - 600, 95, 205, 'mirrored requests of 600');
    },
  },
  {
    name: 'mirrors: several, with percentages',
    proves: [
      `${http}.mirrors.destination.host`,
      `${http}.mirrors.destination.subset`,
      `${http}.mirrors.percentage.value`,
    ],
    resources: rule(
      {
        ...toOther,
        mirrors: [
          { destination: { host: 'echo', subset: 'v1' } },
          { destination: { host: 'echo', subset: 'v2' }, percentage: { value: 100 } },
          { destination: { host: 'echo', subset: 'v3' }, percentage: { value: 0 } },
        ],
      },
      versions(),
    ),
    run: async (mesh) => {
      const key = mesh.newKey();
      await mesh.get('/', { headers: { 'x-key': key } });
      assert.equal(await mirrored(mesh, key, 3), 3);
      assert.deepEqual(
        mesh
          .seen(key)
          .map(({ instance }) => instance)
          .sort(),
        ['e1', 'e2', 'o1'],
      );
    },
  },
  {
    name: 'mirrors.destination.port',
    proves: [`${http}.mirrors.destination.port.number`],
    resources: ({ ports }) => [
      virtualService('route', {
        hosts: ['echo'],
        http: [{ ...toOther, mirrors: [{ destination: { host: 'echo', port: { number: ports.http2 } } }] }],
      }),
    ],
    run: async (mesh) => {
      const key = mesh.newKey();
      await mesh.get('/', { headers: { 'x-key': key } });
      await mirrored(mesh, key, 2);
      assert.ok(mesh.seen(key).some(({ protocol }) => protocol === '2.0'));
    },
  },
  {
    name: 'corsPolicy: a preflight is answered by the proxy',
    proves: ['allowOrigins.exact', 'allowMethods', 'allowHeaders', 'exposeHeaders', 'maxAge', 'allowCredentials'].map(
      (field) => `${http}.corsPolicy.${field}`,
    ),
    resources: rule({
      corsPolicy: {
        allowOrigins: [{ exact: 'https://good.example.com' }],
        allowMethods: ['GET', 'PUT'],
        allowHeaders: ['x-one', 'x-two'],
        exposeHeaders: ['x-three'],
        maxAge: '24h',
        allowCredentials: true,
      },
      ...toOther,
    }),
    run: async (mesh) => {
      const good = 'https://good.example.com';
      const key = mesh.newKey();
      const { status, headers } = await mesh.get('/', {
        ...preflight(good),
        headers: { ...preflight(good).headers, 'x-key': key },
      });
      assert.equal(status, 200);
      assert.equal(mesh.seen(key).length, 0);
      assert.equal(headers['access-control-allow-origin'], good);
      assert.equal(headers['access-control-allow-methods'], 'GET,PUT');
      assert.equal(headers['access-control-allow-headers'], 'x-one,x-two');
      assert.equal(headers['access-control-max-age'], '86400');
      assert.equal(headers['access-control-allow-credentials'], 'true');
      const actual = await mesh.get('/', origin(good));
      assert.equal(actual.headers['access-control-allow-origin'], good);
      assert.equal(actual.headers['access-control-expose-headers'], 'x-three');
      assert.equal(
        (await mesh.get('/', origin('https://bad.example.com'))).headers['access-control-allow-origin'],
        undefined,
      );
    },
  },
  {
    name: 'corsPolicy.allowOrigins prefix and regex',
    proves: [`${http}.corsPolicy.allowOrigins.prefix`, `${http}.corsPolicy.allowOrigins.regex`],
    resources: rule({
      corsPolicy: { allowOrigins: [{ prefix: 'https://pre.' }, { regex: 'https://[a-z]+\\.example\\.org' }] },
      ...toOther,
    }),
    run: async (mesh) => {
      const allowed = async (value: string) =>
        (await mesh.get('/', origin(value))).headers['access-control-allow-origin'];
      assert.equal(await allowed('https://pre.example.com'), 'https://pre.example.com');
      assert.equal(await allowed('https://abc.example.org'), 'https://abc.example.org');
      assert.equal(await allowed('https://123.example.org'), undefined);
    },
  },
  {
    name: 'corsPolicy.allowOrigin, the old form',
    proves: [`${http}.corsPolicy.allowOrigin`],
    resources: rule({ corsPolicy: { allowOrigin: ['https://old.example.com'] }, ...toOther }),
    run: async (mesh) => {
      const { headers } = await mesh.get('/', origin('https://old.example.com'));
      assert.equal(headers['access-control-allow-origin'], 'https://old.example.com');
    },
  },
  {
    name: 'corsPolicy.unmatchedPreflights FORWARD lets the application answer',
    proves: [`${http}.corsPolicy.unmatchedPreflights`],
    resources: rule({
      corsPolicy: { allowOrigins: [{ exact: 'https://good.example.com' }], unmatchedPreflights: 'FORWARD' },
      ...toOther,
    }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/', preflight('https://bad.example.com'))).echo.method, 'OPTIONS');
    },
  },
  {
    name: 'corsPolicy.unmatchedPreflights IGNORE does not forward',
    proves: [`${http}.corsPolicy.unmatchedPreflights`],
    resources: rule({
      corsPolicy: { allowOrigins: [{ exact: 'https://good.example.com' }], unmatchedPreflights: 'IGNORE' },
      ...toOther,
    }),
    run: async (mesh) => {
      const { status, body, headers } = await mesh.get('/', preflight('https://bad.example.com'));
      assert.equal(status, 200);
      assert.equal(body, '');
      assert.equal(headers['access-control-allow-origin'], undefined);
    },
  },
];

function pick({ status, attempts }: { readonly status: number; readonly attempts: number }): [number, number] {
  return [status, attempts];
}
