// VirtualService http: faults, mirrors, CORS.
import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../mesh/config/schemas/virtual-service.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import { sendHttp2 } from '../client.ts';
import { assertBetween, assertShare, toEcho, toOther, versions } from '../expectations.ts';
import { type Manifest, virtualService } from '../resources.ts';

const http = 'VirtualService.http';

/** One rule for `echo`. */
function rule(one: HTTPRoute, ...more: readonly Manifest[]): () => Manifest[] {
  return () => [virtualService('route', { hosts: ['echo'], http: [one] }), ...more];
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
