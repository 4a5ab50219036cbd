// VirtualService http: which requests a rule takes.
import assert from 'node:assert/strict';
import type { HTTPMatchRequest } from '../../../mesh/config/schemas/virtual-service.ts';
import type { CaseMesh, TrafficCase } from '../case.ts';
import type { Call } from '../client.ts';
import { virtualService } from '../resources.ts';

const match = 'VirtualService.http.match';

/** Requests that match go to `other`, all others to `echo`. */
function matching(
  name: string,
  proves: readonly string[],
  one: HTTPMatchRequest,
  run: TrafficCase['run'],
): TrafficCase {
  return {
    name: `match ${name}`,
    proves: proves.map((field) => `${match}.${field}`),
    resources: () => [
      virtualService('match', {
        hosts: ['echo'],
        http: [
          { match: [one], route: [{ destination: { host: 'other' } }] },
          { route: [{ destination: { host: 'echo' } }] },
        ],
      }),
    ],
    run,
  };
}

async function isMatched(mesh: CaseMesh, path: string, call: Partial<Call> = {}): Promise<boolean> {
  const { instance } = (await mesh.get(path, call)).echo;
  return instance === 'o1';
}

async function expectMatches(
  mesh: CaseMesh,
  requests: readonly (readonly [matched: boolean, path: string, call?: Partial<Call>])[],
): Promise<void> {
  for (const [matched, path, call] of requests) {
    assert.equal(await isMatched(mesh, path, call), matched, `${path} ${JSON.stringify(call ?? {})}`);
  }
}

const withHeader = (name: string, value: string): Partial<Call> => ({ headers: { [name]: value } });

/** See the file's first line. */
export const httpMatchCases: readonly TrafficCase[] = [
  matching('uri.exact', ['uri.exact'], { uri: { exact: '/a' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/a'],
      [true, '/a?q=1'],
      [false, '/a/'],
      [false, '/ab'],
      [false, '/A'],
    ]),
  ),
  matching('uri.prefix', ['uri.prefix'], { uri: { prefix: '/a' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/a'],
      [true, '/abc'],
      [true, '/a/b'],
      [false, '/b/a'],
      [false, '/A'],
    ]),
  ),
  matching('uri.regex', ['uri.regex'], { uri: { regex: '/items/[0-9]+' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/items/42'],
      [true, '/items/42?q=x'],
      [false, '/items/42/x'],
      [false, '/x/items/42'],
    ]),
  ),
  matching('ignoreUriCase with prefix', ['ignoreUriCase'], { uri: { prefix: '/Items' }, ignoreUriCase: true }, (mesh) =>
    expectMatches(mesh, [
      [true, '/ITEMS/1'],
      [true, '/items'],
      [false, '/other'],
    ]),
  ),
  matching('ignoreUriCase with exact', ['ignoreUriCase'], { uri: { exact: '/Items' }, ignoreUriCase: true }, (mesh) =>
    expectMatches(mesh, [
      [true, '/iTEMS'],
      [false, '/items/1'],
    ]),
  ),
  matching('method', ['method.exact'], { method: { exact: 'POST' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', { method: 'POST' }],
      [false, '/', { method: 'GET' }],
    ]),
  ),
  matching('method.prefix', ['method.prefix'], { method: { prefix: 'P' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', { method: 'PUT' }],
      [true, '/', { method: 'POST' }],
      [false, '/'],
    ]),
  ),
  matching('method.regex', ['method.regex'], { method: { regex: 'GET|PUT' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/'],
      [true, '/', { method: 'PUT' }],
      [false, '/', { method: 'DELETE' }],
    ]),
  ),
  matching('authority', ['authority.exact'], { authority: { exact: 'echo.default' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', { host: 'echo.default' }],
      [false, '/', { host: 'echo' }],
    ]),
  ),
  matching('authority.prefix', ['authority.prefix'], { authority: { prefix: 'echo.default' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', { host: 'echo.default.svc' }],
      [true, '/', { host: 'echo.default' }],
      [false, '/'],
    ]),
  ),
  matching('authority.regex', ['authority.regex'], { authority: { regex: 'echo\\.default(:\\d+)?' } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', { host: 'echo.default' }],
      [true, '/', { host: `echo.default:${mesh.ports.http}` }],
      [false, '/', { host: 'echo.default.svc' }],
    ]),
  ),
  matching('scheme', ['scheme.exact'], { scheme: { exact: 'http' } }, (mesh) => expectMatches(mesh, [[true, '/']])),
  matching('scheme of another kind', ['scheme.exact'], { scheme: { exact: 'https' } }, (mesh) =>
    expectMatches(mesh, [[false, '/']]),
  ),
  matching('scheme.prefix of another kind', ['scheme.prefix'], { scheme: { prefix: 'https' } }, (mesh) =>
    expectMatches(mesh, [[false, '/']]),
  ),
  matching('scheme.regex of another kind', ['scheme.regex'], { scheme: { regex: 'https|ftp' } }, (mesh) =>
    expectMatches(mesh, [[false, '/']]),
  ),
  matching('scheme.prefix', ['scheme.prefix'], { scheme: { prefix: 'htt' } }, (mesh) =>
    expectMatches(mesh, [[true, '/']]),
  ),
  matching('scheme.regex', ['scheme.regex'], { scheme: { regex: 'https?' } }, (mesh) =>
    expectMatches(mesh, [[true, '/']]),
  ),
  matching('headers.exact', ['headers.*.exact'], { headers: { 'end-user': { exact: 'jason' } } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', withHeader('end-user', 'jason')],
      [false, '/', withHeader('end-user', 'jasons')],
      [false, '/', withHeader('end-user', 'Jason')],
      [false, '/'],
    ]),
  ),
  matching('headers.prefix', ['headers.*.prefix'], { headers: { 'user-agent': { prefix: 'Mozilla' } } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', withHeader('user-agent', 'Mozilla/5.0')],
      [false, '/', withHeader('user-agent', 'curl Mozilla')],
    ]),
  ),
  matching(
    'headers.regex',
    ['headers.*.regex'],
    { headers: { cookie: { regex: '^(.*?;)?(user=jason)(;.*)?$' } } },
    (mesh) =>
      expectMatches(mesh, [
        [true, '/', withHeader('cookie', 'a=1;user=jason;b=2')],
        [false, '/', withHeader('cookie', 'user=jasons')],
      ]),
  ),
  matching('headers: present', ['headers'], { headers: { 'x-debug': {} } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/', withHeader('x-debug', 'anything')],
      [false, '/'],
    ]),
  ),
  matching(
    'headers: all of several',
    ['headers'],
    { headers: { 'x-a': { exact: '1' }, 'x-b': { exact: '2' } } },
    (mesh) =>
      expectMatches(mesh, [
        [true, '/', { headers: { 'x-a': '1', 'x-b': '2' } }],
        [false, '/', withHeader('x-a', '1')],
      ]),
  ),
  matching(
    'withoutHeaders.exact',
    ['withoutHeaders.*.exact'],
    { withoutHeaders: { 'x-v': { exact: 'old' } } },
    (mesh) =>
      expectMatches(mesh, [
        [true, '/'],
        [true, '/', withHeader('x-v', 'new')],
        [false, '/', withHeader('x-v', 'old')],
      ]),
  ),
  matching(
    'withoutHeaders.prefix',
    ['withoutHeaders.*.prefix'],
    { withoutHeaders: { 'x-v': { prefix: 'o' } } },
    (mesh) =>
      expectMatches(mesh, [
        [true, '/'],
        [true, '/', withHeader('x-v', 'new')],
        [false, '/', withHeader('x-v', 'old')],
      ]),
  ),
  matching(
    'withoutHeaders.regex',
    ['withoutHeaders.*.regex'],
    { withoutHeaders: { 'x-v': { regex: '[0-9]+' } } },
    (mesh) =>
      expectMatches(mesh, [
        [true, '/', withHeader('x-v', 'a1')],
        [false, '/', withHeader('x-v', '11')],
      ]),
  ),
  matching('withoutHeaders: absent', ['withoutHeaders'], { withoutHeaders: { 'x-internal': {} } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/'],
      [false, '/', withHeader('x-internal', 'yes')],
    ]),
  ),
  matching('queryParams.exact', ['queryParams.*.exact'], { queryParams: { ver: { exact: '2' } } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/?ver=2'],
      [true, '/?a=b&ver=2'],
      [false, '/?ver=22'],
      [false, '/'],
    ]),
  ),
  matching('queryParams.prefix', ['queryParams.*.prefix'], { queryParams: { ver: { prefix: '2' } } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/?ver=22'],
      [false, '/?ver=12'],
    ]),
  ),
  matching('queryParams.regex', ['queryParams.*.regex'], { queryParams: { id: { regex: '[0-9]+' } } }, (mesh) =>
    expectMatches(mesh, [
      [true, '/?id=123'],
      [false, '/?id=12a'],
    ]),
  ),
  matching(
    'sourceLabels of this workload',
    ['sourceLabels'],
    { sourceLabels: { app: 'client', version: 'v7' } },
    (mesh) => expectMatches(mesh, [[true, '/']]),
  ),
  matching(
    'sourceLabels of another workload',
    ['sourceLabels'],
    { sourceLabels: { app: 'client', version: 'v8' } },
    (mesh) => expectMatches(mesh, [[false, '/']]),
  ),
  matching('sourceNamespace', ['sourceNamespace'], { sourceNamespace: 'default' }, (mesh) =>
    expectMatches(mesh, [[true, '/']]),
  ),
  matching('sourceNamespace of others', ['sourceNamespace'], { sourceNamespace: 'shop' }, (mesh) =>
    expectMatches(mesh, [[false, '/']]),
  ),
  matching('gateways: mesh', ['gateways'], { gateways: ['mesh'] }, (mesh) => expectMatches(mesh, [[true, '/']])),
  matching('gateways: none of this proxy', ['gateways'], { gateways: ['default/base'] }, (mesh) =>
    expectMatches(mesh, [[false, '/']]),
  ),
];
