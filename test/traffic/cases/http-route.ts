// VirtualService http: where requests go, and how they are changed on the way.
import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Place, TrafficCase } from '../case.ts';
import { assertShare, toOther, versions } from '../expectations.ts';
import { type Manifest, virtualService } from '../resources.ts';

const http = 'VirtualService.http';

/** One rule for `echo`. */
function rule(one: HTTPRoute, ...more: readonly Manifest[]): (place: Place) => Manifest[] {
  return () => [virtualService('route', { hosts: ['echo'], http: [one] }), ...more];
}

/** See the file's first line. */
export const httpRouteCases: readonly TrafficCase[] = [
  {
    name: 'a destination that is another service',
    proves: [`${http}.route.destination.host`, 'VirtualService.hosts'],
    resources: rule({ route: [{ destination: { host: 'other' } }] }),
    run: async (mesh) => {
      for (const host of ['echo', 'echo.default', 'echo.default.svc', 'echo.default.svc.cluster.local']) {
        assert.equal((await mesh.get('/', { host })).echo.instance, 'o1', host);
      }
      assert.equal((await mesh.get('/', { host: `echo:${mesh.ports.http}` })).echo.instance, 'o1');
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.instance, 's1', 'another namespace keeps its own');
    },
  },
  {
    name: 'short names are of the VirtualService’s own namespace',
    proves: [`${http}.route.destination.host`],
    resources: () => [
      virtualService('far', {
        hosts: ['echo.shop.svc.cluster.local'],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.instance, 'o1');
    },
  },
  {
    name: 'a destination’s subset',
    proves: [
      `${http}.route.destination.subset`,
      'DestinationRule.subsets.name',
      'DestinationRule.subsets.labels',
      'DestinationRule.host',
    ],
    resources: rule({ route: [{ destination: { host: 'echo', subset: 'v2' } }] }, versions()),
    run: async (mesh) => {
      assert.deepEqual(await mesh.tally(20, '/'), { e2: 20 });
    },
  },
  {
    name: 'a destination’s port',
    proves: [`${http}.route.destination.port.number`],
    resources: ({ ports }) => [
      virtualService('port', {
        hosts: ['echo'],
        http: [{ route: [{ destination: { host: 'echo', port: { number: ports.http2 } } }] }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.protocol, '2.0', 'the port’s protocol is HTTP2');
    },
  },
  {
    name: 'weights 75, 25 and 0',
    proves: [`${http}.route.weight`, `${http}.route`],
    resources: rule(
      {
        route: [
          { destination: { host: 'echo', subset: 'v1' }, weight: 75 },
          { destination: { host: 'echo', subset: 'v2' }, weight: 25 },
          { destination: { host: 'echo', subset: 'v3' }, weight: 0 },
        ],
      },
      versions(),
    ),
    run: async (mesh) => {
      const seen = await mesh.tally(1000, '/');
      assertShare(seen, 'e1', 0.75);
      assertShare(seen, 'e2', 0.25);
      assert.equal(seen.e3, undefined);
    },
  },
  {
    name: 'weights are relative: 1 and 3',
    proves: [`${http}.route.weight`],
    resources: rule(
      {
        route: [
          { destination: { host: 'echo', subset: 'v1' }, weight: 1 },
          { destination: { host: 'echo', subset: 'v2' }, weight: 3 },
        ],
      },
      versions(),
    ),
    run: async (mesh) => {
      const seen = await mesh.tally(1000, '/');
      assertShare(seen, 'e1', 0.25);
      assertShare(seen, 'e2', 0.75);
    },
  },
  {
    name: 'a destination that does not exist fails, others are served',
    proves: [`${http}.route.destination.host`],
    resources: rule({ route: [{ destination: { host: 'nobody' } }] }),
    run: async (mesh) => {
      assert.ok([500, 503].includes((await mesh.get('/')).status));
      assert.equal((await mesh.get('/', { host: 'other' })).echo.instance, 'o1');
    },
  },
  {
    name: 'wildcard hosts, and the more specific host first',
    proves: ['VirtualService.hosts'],
    resources: () => [
      virtualService('wide', {
        hosts: ['*.example.com'],
        gateways: ['base'],
        http: [{ directResponse: { status: 210 } }],
      }),
      virtualService('narrow', {
        hosts: ['a.example.com'],
        gateways: ['base'],
        http: [{ directResponse: { status: 211 } }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.ingress('/', { host: 'b.example.com' })).status, 210);
      assert.equal((await mesh.ingress('/', { host: 'a.example.com' })).status, 211);
      assert.equal((await mesh.ingress('/', { host: 'example.org' })).status, 404);
    },
  },
  {
    name: 'several VirtualServices for one host of a gateway are tried in the order of their age',
    proves: ['VirtualService.http'],
    resources: () => [
      virtualService('a-older', {
        hosts: ['web.example.com'],
        gateways: ['base'],
        http: [{ match: [{ uri: { prefix: '/a' } }], directResponse: { status: 210 } }],
      }),
    ],
    later: () => [
      virtualService('b-younger', {
        hosts: ['web.example.com'],
        gateways: ['base'],
        http: [
          { match: [{ uri: { prefix: '/a' } }], directResponse: { status: 211 } },
          { match: [{ uri: { prefix: '/b' } }], directResponse: { status: 212 } },
        ],
      }),
    ],
    run: async (mesh, later) => {
      await mesh.apply(...later);
      assert.equal((await mesh.ingress('/a')).status, 210);
      assert.equal((await mesh.ingress('/b')).status, 212);
    },
  },
  {
    name: 'delegate: the child’s rules under the parent’s match',
    proves: [`${http}.delegate.name`, `${http}.delegate.namespace`],
    resources: () => [
      virtualService('parent', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/shop' } }], delegate: { name: 'child', namespace: 'shop' } }, toOther],
      }),
      virtualService(
        'child',
        {
          http: [
            { match: [{ uri: { prefix: '/shop/cart' } }], directResponse: { status: 210 } },
            { directResponse: { status: 211 } },
          ],
        },
        { namespace: 'shop' },
      ),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/shop/cart')).status, 210);
      assert.equal((await mesh.get('/shop/x')).status, 211);
      assert.equal((await mesh.get('/x')).echo.instance, 'o1');
    },
  },
  {
    name: 'exportTo: not to this namespace',
    proves: ['VirtualService.exportTo'],
    resources: () => [
      virtualService(
        'theirs',
        { hosts: ['echo.shop.svc.cluster.local'], exportTo: ['.'], http: [{ directResponse: { status: 299 } }] },
        { namespace: 'shop' },
      ),
    ],
    later: () => [
      virtualService(
        'theirs',
        { hosts: ['echo.shop.svc.cluster.local'], exportTo: ['default'], http: [{ directResponse: { status: 299 } }] },
        { namespace: 'shop' },
      ),
    ],
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.instance, 's1');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).status, 299);
    },
  },
];
