// VirtualService http: what is changed of requests and answers: rewrites, headers, redirects, direct responses.
import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Place, TrafficCase } from '../case.ts';
import { toOther, versions } from '../expectations.ts';
import { type Manifest, virtualService } from '../resources.ts';

const http = 'VirtualService.http';

/** One rule for `echo`. */
function rule(one: HTTPRoute, ...more: readonly Manifest[]): (place: Place) => Manifest[] {
  return () => [virtualService('route', { hosts: ['echo'], http: [one] }), ...more];
}

/** See the file's first line. */
export const httpChangeCases: readonly TrafficCase[] = [
  {
    name: 'rewrite.uri after a prefix',
    proves: [`${http}.rewrite.uri`],
    resources: () => [
      virtualService('rewrite', {
        hosts: ['echo'],
        http: [
          { match: [{ uri: { prefix: '/api/' } }], rewrite: { uri: '/v2/' }, ...toOther },
          { match: [{ uri: { exact: '/one' } }], rewrite: { uri: '/two' }, ...toOther },
          toOther,
        ],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/api/items?q=1')).echo.path, '/v2/items?q=1');
      assert.equal((await mesh.get('/one')).echo.path, '/two');
      assert.equal((await mesh.get('/else')).echo.path, '/else');
    },
  },
  {
    name: 'rewrite.uri after a prefix without a closing slash, to the root',
    proves: [`${http}.rewrite.uri`],
    resources: () => [
      virtualService('rewrite', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/app' } }], rewrite: { uri: '/' }, ...toOther }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/app')).echo.path, '/');
      assert.equal((await mesh.get('/app/x')).echo.path, '//x', 'the prefix is replaced as it is written, as in Istio');
    },
  },
  {
    name: 'rewrite.authority',
    proves: [`${http}.rewrite.authority`],
    resources: rule({ rewrite: { authority: 'inner.example.com' }, ...toOther }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.host, 'inner.example.com');
    },
  },
  {
    name: 'rewrite.uriRegexRewrite',
    proves: [`${http}.rewrite.uriRegexRewrite.match`, `${http}.rewrite.uriRegexRewrite.rewrite`],
    resources: rule({
      rewrite: { uriRegexRewrite: { match: '/service/([^/]+)(/.*)$', rewrite: '\\2/of/\\1' } },
      ...toOther,
    }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/service/foo/v1/api?x=y')).echo.path, '/v1/api/of/foo?x=y');
      assert.equal((await mesh.get('/plain')).echo.path, '/plain');
    },
  },
  {
    name: 'headers.request',
    proves: ['set', 'add', 'remove'].map((verb) => `${http}.headers.request.${verb}`),
    resources: rule({
      headers: { request: { set: { 'x-set': 'new' }, add: { 'x-add': 'more', 'x-fresh': 'yes' }, remove: ['x-gone'] } },
      ...toOther,
    }),
    run: async (mesh) => {
      const { headers } = (await mesh.get('/', { headers: { 'x-set': 'old', 'x-add': 'one', 'x-gone': 'x' } })).echo;
      assert.equal(headers['x-set'], 'new');
      assert.match(headers['x-add'] ?? '', /^one, ?more$/);
      assert.equal(headers['x-fresh'], 'yes');
      assert.equal(headers['x-gone'], undefined);
    },
  },
  {
    name: 'headers.response',
    proves: ['set', 'add', 'remove'].map((verb) => `${http}.headers.response.${verb}`),
    resources: rule({
      headers: { response: { set: { 'x-set': 'new' }, add: { 'x-add': 'more' }, remove: ['x-gone'] } },
      ...toOther,
    }),
    run: async (mesh) => {
      const answer = JSON.stringify({ 'x-set': 'old', 'x-add': 'one', 'x-gone': 'x' });
      const { headers } = await mesh.get('/', { headers: { 'x-answer': answer } });
      assert.equal(headers['x-set'], 'new');
      assert.match(String(headers['x-add']), /^one, ?more$/);
      assert.equal(headers['x-gone'], undefined);
    },
  },
  {
    name: 'headers.request.set of Host',
    proves: [`${http}.headers.request.set`],
    resources: rule({ headers: { request: { set: { Host: 'set.example.com' } } }, ...toOther }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.host, 'set.example.com');
    },
  },
  {
    name: 'headers of a weighted destination',
    proves: ['request.set', 'request.add', 'request.remove', 'response.set', 'response.add', 'response.remove'].map(
      (field) => `${http}.route.headers.${field}`,
    ),
    resources: rule(
      {
        route: [
          {
            destination: { host: 'echo', subset: 'v1' },
            weight: 50,
            headers: {
              request: { set: { 'x-dest': 'one' }, add: { 'x-more': 'b' }, remove: ['x-gone'] },
              response: { set: { 'x-from': 'one' }, add: { 'x-plus': 'b' }, remove: ['x-secret'] },
            },
          },
          { destination: { host: 'echo', subset: 'v2' }, weight: 50 },
        ],
      },
      versions(),
    ),
    run: async (mesh) => {
      const sent = { 'x-more': 'a', 'x-gone': 'x', 'x-answer': JSON.stringify({ 'x-plus': 'a', 'x-secret': 's' }) };
      const answers = await Promise.all(Array.from({ length: 60 }, () => mesh.get('/', { headers: sent })));
      const first = answers.find(({ echo }) => echo.instance === 'e1');
      const second = answers.find(({ echo }) => echo.instance === 'e2');
      assert.ok(first && second);
      assert.equal(first.echo.headers['x-dest'], 'one');
      assert.match(first.echo.headers['x-more'] ?? '', /^a, ?b$/);
      assert.equal(first.echo.headers['x-gone'], undefined);
      assert.equal(first.headers['x-from'], 'one');
      assert.match(String(first.headers['x-plus']), /^a, ?b$/);
      assert.equal(first.headers['x-secret'], undefined);
      assert.equal(second.echo.headers['x-dest'], undefined);
      assert.equal(second.echo.headers['x-gone'], 'x');
      assert.equal(second.headers['x-from'], undefined);
      assert.equal(second.headers['x-secret'], 's');
    },
  },
  {
    name: 'headers of a single destination come on top of the rule’s',
    proves: [`${http}.route.headers.request.set`, `${http}.headers.request.set`],
    resources: rule({
      headers: { request: { set: { 'x-rule': 'r' } } },
      route: [{ destination: { host: 'other' }, headers: { request: { set: { 'x-dest': 'd' } } } }],
    }),
    run: async (mesh) => {
      const { headers } = (await mesh.get('/')).echo;
      assert.deepEqual([headers['x-rule'], headers['x-dest']], ['r', 'd']);
    },
  },
  {
    name: 'redirect.uri and authority',
    proves: [`${http}.redirect.uri`, `${http}.redirect.authority`],
    resources: rule({ redirect: { uri: '/new', authority: 'elsewhere.example.com' } }),
    run: async (mesh) => {
      const { status, headers } = await mesh.get('/old?q=1');
      assert.equal(status, 301);
      assert.equal(headers.location, 'http://elsewhere.example.com/new?q=1');
    },
  },
  {
    name: 'redirect.redirectCode, scheme and port',
    proves: [`${http}.redirect.redirectCode`, `${http}.redirect.scheme`, `${http}.redirect.port`],
    resources: rule({ redirect: { scheme: 'https', port: 8443, redirectCode: 308 } }),
    run: async (mesh) => {
      const { status, headers } = await mesh.get('/old?q=1');
      assert.equal(status, 308);
      assert.equal(headers.location, 'https://echo:8443/old?q=1');
    },
  },
  {
    name: 'redirect.derivePort FROM_PROTOCOL_DEFAULT leaves the scheme’s own port unsaid',
    proves: [`${http}.redirect.derivePort`],
    resources: rule({ redirect: { scheme: 'https', derivePort: 'FROM_PROTOCOL_DEFAULT' } }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/a')).headers.location, 'https://echo/a');
    },
  },
  {
    name: 'redirect.derivePort FROM_REQUEST_PORT names the port of the listener',
    proves: [`${http}.redirect.derivePort`],
    resources: rule({ redirect: { uri: '/b', derivePort: 'FROM_REQUEST_PORT' } }),
    run: async (mesh) => {
      assert.equal((await mesh.get('/a')).headers.location, `http://echo:${mesh.ports.http}/b`);
    },
  },
  {
    name: 'redirect.prefixRewrite changes the prefix only',
    proves: [`${http}.redirect.prefixRewrite`],
    resources: () => [
      virtualService('prefix', {
        hosts: ['echo'],
        http: [{ match: [{ uri: { prefix: '/old' } }], redirect: { prefixRewrite: '/new' } }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/old/item')).headers.location, 'http://echo/new/item');
    },
  },
  {
    name: 'directResponse with a text',
    proves: [`${http}.directResponse.status`, `${http}.directResponse.body.string`],
    resources: rule({ directResponse: { status: 418, body: { string: 'short and stout' } } }),
    run: async (mesh) => {
      const { status, body } = await mesh.get('/');
      assert.deepEqual([status, body], [418, 'short and stout']);
    },
  },
  {
    name: 'directResponse with bytes and headers',
    proves: [`${http}.directResponse.body.bytes`],
    resources: rule({
      directResponse: { status: 200, body: { bytes: Buffer.from('{"ok":true}').toString('base64') } },
      headers: { response: { set: { 'content-type': 'application/json' } } },
    }),
    run: async (mesh) => {
      const { body, headers } = await mesh.get('/');
      assert.deepEqual([body, headers['content-type']], ['{"ok":true}', 'application/json']);
    },
  },
];
