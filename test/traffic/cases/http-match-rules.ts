// VirtualService http: how matches and rules go together, and which gateways and ports they are for.
import assert from 'node:assert/strict';
import type { TrafficCase } from '../case.ts';
import { toEcho, toOther } from '../expectations.ts';
import { gateway, gatewaySelector, virtualService } from '../resources.ts';

const match = 'VirtualService.http.match';

/** See the file's first line. */
export const httpMatchRuleCases: readonly TrafficCase[] = [
  {
    name: 'match port',
    proves: [`${match}.port`],
    resources: ({ ports }) => [
      virtualService('match-port', {
        hosts: ['echo'],
        http: [
          { match: [{ port: ports.alt }], route: [{ destination: { host: 'other', port: { number: ports.http } } }] },
          { route: [{ destination: { host: 'echo' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { port: mesh.ports.alt })).echo.instance, 'o1');
      assert.match((await mesh.get('/')).echo.instance, /^e/);
    },
  },
  {
    name: 'match: several conditions are and, several matches are or, rules are tried in order',
    proves: [match, 'VirtualService.http'],
    resources: () => [
      virtualService('match-many', {
        hosts: ['echo'],
        http: [
          {
            match: [{ uri: { prefix: '/a' }, headers: { 'x-a': { exact: '1' } } }, { uri: { prefix: '/b' } }],
            directResponse: { status: 201 },
          },
          { match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }], directResponse: { status: 202 } },
          { directResponse: { status: 203 } },
        ],
      }),
    ],
    run: async (mesh) => {
      const status = async (path: string, headers = {}) => (await mesh.get(path, { headers })).status;
      assert.equal(await status('/a', { 'x-a': '1' }), 201);
      assert.equal(await status('/a'), 202);
      assert.equal(await status('/b'), 201);
      assert.equal(await status('/c'), 203);
    },
  },
  {
    name: 'match: what no rule takes is not found',
    proves: [match],
    resources: () => [
      virtualService('match-one', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/a' } }], route: [{ destination: { host: 'echo' } }] }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/a')).status, 200);
      assert.equal((await mesh.get('/b')).status, 404);
    },
  },
  {
    name: 'gateways of the VirtualService: mesh and a gateway, told apart by match.gateways',
    proves: ['VirtualService.gateways', `${match}.gateways`],
    resources: () => [
      virtualService('both', {
        hosts: ['echo.default.svc.cluster.local'],
        gateways: ['mesh', 'base'],
        http: [
          { match: [{ gateways: ['default/base'] }], route: [{ destination: { host: 'other' } }] },
          { match: [{ gateways: ['mesh'] }], route: [{ destination: { host: 'echo' } }] },
        ],
      }),
    ],
    run: async (mesh) => {
      const host = 'echo.default.svc.cluster.local';
      assert.equal((await mesh.ingress('/', { host })).echo.instance, 'o1');
      assert.match((await mesh.get('/', { host })).echo.instance, /^e/);
    },
  },
  {
    name: 'gateways of the VirtualService: a gateway alone leaves sidecars as they are',
    proves: ['VirtualService.gateways'],
    resources: () => [
      virtualService('outside', {
        hosts: ['echo.default.svc.cluster.local'],
        gateways: ['default/base'],
        http: [{ directResponse: { status: 299 } }],
      }),
    ],
    run: async (mesh) => {
      const host = 'echo.default.svc.cluster.local';
      assert.equal((await mesh.ingress('/', { host })).status, 299);
      assert.equal((await mesh.get('/', { host })).status, 200);
    },
  },
  {
    name: 'match port at a gateway is the port of the server',
    proves: [`${match}.port`],
    resources: ({ ports }) => [
      gateway('second', {
        selector: gatewaySelector,
        servers: [
          {
            port: { number: ports.spare[0], name: 'http', protocol: 'HTTP' },
            bind: '127.0.0.1',
            hosts: ['web.example.com'],
          },
        ],
      }),
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: ['base', 'second'],
        http: [
          { match: [{ port: ports.spare[0] }], directResponse: { status: 210 } },
          { match: [{ port: ports.gateway }], directResponse: { status: 211 } },
        ],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.ingress('/', { port: mesh.ports.spare[0] })).status, 210);
      assert.equal((await mesh.ingress('/')).status, 211);
    },
  },
  {
    name: 'match.statPrefix: the proxy counts the route’s requests by it',
    proves: ['VirtualService.http.match.statPrefix'],
    resources: () => [
      virtualService('counted', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/counted' }, statPrefix: 'counted-route' }], ...toOther }, toEcho],
      }),
    ],
    run: async (mesh) => {
      await mesh.get('/counted');
      await mesh.get('/');
      const stats = await fetch(
        `http://127.0.0.1:${mesh.admin.sidecar}/stats?filter=route.counted-route.upstream_rq_200`,
      );
      assert.match(await stats.text(), /upstream_rq_200: 1\n/);
    },
  },
];
