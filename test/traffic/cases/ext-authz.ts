// MeshConfig extensionProviders that authorize: what they are asked, what their answers do, and what happens without one.
import assert from 'node:assert/strict';
import type { ExtensionProvider } from '../../../mesh/config/schemas/extension-provider.ts';
import { type Asked, type Authorizer, startGrpcAuthorizer, startHttpAuthorizer } from '../authorizers.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import {
  authorizationPolicy,
  gatewaySelector,
  type Manifest,
  meshConfig,
  serviceEntry,
  virtualService,
} from '../resources.ts';
import { startMute } from '../silent-servers.ts';

const host = 'authz.example.com';
type Settings = Omit<NonNullable<ExtensionProvider['envoyExtAuthzHttp']>, 'service' | 'port'>;
type Kind = 'envoyExtAuthzHttp' | 'envoyExtAuthzGrpc';

/** An authorizer on the last spare port, asked for paths below each name of `settings` with those settings. */
function authorized(kind: Kind, settings: Readonly<Record<string, Settings>>, { ports }: Place): Manifest[] {
  const [, , , , port, target] = ports.spare;
  return [
    serviceEntry('authz', {
      hosts: [host],
      ports: [{ number: port, name: 'authz', protocol: kind === 'envoyExtAuthzHttp' ? 'HTTP' : 'GRPC' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.66.0.98', ports: { authz: target } }],
    }),
    meshConfig({
      extensionProviders: Object.entries(settings).map(([name, more]) => ({
        name,
        [kind]: { service: host, port, ...more },
      })),
    }),
    ...Object.keys(settings).map((name) =>
      authorizationPolicy(
        name,
        {
          selector: { matchLabels: gatewaySelector },
          action: 'CUSTOM',
          provider: { name },
          rules: [{ to: [{ operation: { paths: [`/${name}/*`] } }] }],
        },
        { namespace: 'istio-system' },
      ),
    ),
    virtualService('web', {
      hosts: ['web.example.com'],
      gateways: ['base'],
      http: [
        { match: [{ headers: { 'x-team': { exact: 'gold' } } }], directResponse: { status: 218 } },
        { route: [{ destination: { host: 'other' } }] },
      ],
    }),
  ];
}

async function withAuthorizer(
  mesh: CaseMesh,
  start: (address: string, port: number) => Promise<Authorizer>,
  use: (last: () => Asked | undefined) => Promise<void>,
): Promise<void> {
  const authorizer = await start(mesh.silentAddress, mesh.ports.spare[5]);
  try {
    await use(() => authorizer.asked.at(-1));
  } finally {
    await authorizer.stop();
  }
}

const fields = (kind: Kind, ...names: readonly string[]) => [
  'MeshConfig.extensionProviders.name',
  ...names.map((name) => `MeshConfig.extensionProviders.${kind}.${name}`),
];
const post = (body: string) => ({ method: 'POST', body });

/** Bodies: the first five bytes where a part will do, else a refusal of what is too large. */
const bodies: Readonly<Record<string, Settings>> = {
  part: { includeRequestBodyInCheck: { maxRequestBytes: 5, allowPartialMessage: true } },
  whole: { includeRequestBodyInCheck: { maxRequestBytes: 5 } },
};
async function checksBodies(mesh: CaseMesh, last: () => Asked | undefined): Promise<void> {
  const { echo } = await mesh.ingress('/part/x', post('0123456789'));
  assert.deepEqual([last()?.body, echo.body], ['01234', '0123456789']);
  assert.equal((await mesh.ingress('/whole/x', post('0123456789'))).status, 413);
  assert.equal((await mesh.ingress('/whole/x', post('01234'))).status, 200);
}

/** Authorizers that never answer. */
const absent: Readonly<Record<string, Settings>> = {
  closed: { timeout: '0.2s', statusOnError: '429' },
  open: { timeout: '0.2s', failOpen: true },
};
function withoutAnswer(kind: Kind): TrafficCase {
  return {
    name: `${kind} that does not answer: timeout, statusOnError and failOpen`,
    proves: fields(kind, 'timeout', 'statusOnError', 'failOpen'),
    resources: (place) => authorized(kind, absent, place),
    run: async (mesh) => {
      const mute = await startMute(mesh.silentAddress, mesh.ports.spare[5]);
      try {
        const started = performance.now();
        assert.equal((await mesh.ingress('/closed/x')).status, 429);
        assert.equal((await mesh.ingress('/open/x')).status, 200);
        assert.ok(performance.now() - started < 8_000, 'Istio’s default is ten minutes');
      } finally {
        await mute.stop();
      }
    },
  };
}

/** See the file's first line. */
export const extAuthzCases: readonly TrafficCase[] = [
  {
    name: 'envoyExtAuthzHttp: what it is asked, and which headers of its answers go where',
    proves: fields(
      'envoyExtAuthzHttp',
      'service',
      'port',
      'pathPrefix',
      'includeRequestHeadersInCheck',
      'includeAdditionalHeadersInCheck',
      'headersToUpstreamOnAllow',
      'headersToDownstreamOnAllow',
      'headersToDownstreamOnDeny',
    ),
    resources: (place) =>
      authorized(
        'envoyExtAuthzHttp',
        {
          asked: {
            pathPrefix: '/ask',
            includeRequestHeadersInCheck: ['x-verdict', 'x-some-*'],
            includeAdditionalHeadersInCheck: { 'x-extra': 'mesh' },
            headersToUpstreamOnAllow: ['x-user'],
            headersToDownstreamOnAllow: ['x-told'],
            headersToDownstreamOnDeny: ['x-user'],
          },
        },
        place,
      ),
    run: (mesh) =>
      withAuthorizer(mesh, startHttpAuthorizer, async (last) => {
        assert.equal((await mesh.ingress('/free', { headers: { 'x-verdict': 'no' } })).status, 200);
        assert.equal(last(), undefined, 'no rule matches');
        const headers = { 'x-verdict': 'yes', 'x-some-a': 'a', 'x-secret': 's', 'x-user': 'mallory' };
        const allowed = await mesh.ingress('/asked/a', { headers });
        const seen = last();
        assert.equal(seen?.path, '/ask/asked/a');
        assert.deepEqual(
          ['x-some-a', 'x-secret', 'x-extra'].map((name) => seen?.headers[name]),
          ['a', undefined, 'mesh'],
        );
        assert.deepEqual([allowed.echo.headers['x-user'], allowed.echo.headers['x-hidden']], ['alice', undefined]);
        assert.deepEqual([allowed.headers['x-told'], allowed.headers['x-hidden']], ['yes', undefined]);
        const refused = await mesh.ingress('/asked/a', { headers: { 'x-verdict': 'no' } });
        assert.deepEqual(
          [refused.status, refused.headers['x-user'], refused.headers['x-told']],
          [403, 'alice', undefined],
        );
      }),
  },
  {
    name: 'envoyExtAuthzHttp: bodies, clearRouteCache and the old includeHeadersInCheck',
    proves: fields(
      'envoyExtAuthzHttp',
      'includeRequestBodyInCheck.maxRequestBytes',
      'includeRequestBodyInCheck.allowPartialMessage',
      'clearRouteCache',
      'includeHeadersInCheck',
    ),
    resources: (place) => {
      const headersToUpstreamOnAllow = ['x-team'];
      const clearing = { clearRouteCache: true, headersToUpstreamOnAllow, includeHeadersInCheck: ['x-old'] };
      return authorized('envoyExtAuthzHttp', { ...bodies, clearing, keeping: { headersToUpstreamOnAllow } }, place);
    },
    run: (mesh) =>
      withAuthorizer(mesh, startHttpAuthorizer, async (last) => {
        await checksBodies(mesh, last);
        assert.equal((await mesh.ingress('/keeping/x')).echo.headers['x-team'], 'gold');
        assert.equal((await mesh.ingress('/clearing/x', { headers: { 'x-old': '1' } })).status, 218, 'routed anew');
        assert.equal(last()?.headers['x-old'], '1');
      }),
  },
  {
    name: 'envoyExtAuthzGrpc: asked with headers and bodies, clearRouteCache',
    proves: fields(
      'envoyExtAuthzGrpc',
      'service',
      'port',
      'clearRouteCache',
      'includeRequestBodyInCheck.maxRequestBytes',
      'includeRequestBodyInCheck.allowPartialMessage',
      'includeRequestBodyInCheck.packAsBytes',
    ),
    resources: (place) =>
      authorized(
        'envoyExtAuthzGrpc',
        {
          ...bodies,
          packed: { includeRequestBodyInCheck: { maxRequestBytes: 100, packAsBytes: true } },
          clearing: { clearRouteCache: true },
          keeping: {},
        },
        place,
      ),
    run: (mesh) =>
      withAuthorizer(mesh, startGrpcAuthorizer, async (last) => {
        await checksBodies(mesh, last);
        assert.equal(last()?.isBytes, false);
        await mesh.ingress('/packed/x', post('bytes'));
        assert.deepEqual([last()?.body, last()?.isBytes], ['bytes', true]);
        assert.equal((await mesh.ingress('/keeping/x', { headers: { 'x-verdict': 'no' } })).status, 403);
        assert.equal((await mesh.ingress('/keeping/x')).echo.headers['x-team'], 'gold');
        assert.equal((await mesh.ingress('/clearing/x')).status, 218, 'routed anew');
      }),
  },
  withoutAnswer('envoyExtAuthzHttp'),
  withoutAnswer('envoyExtAuthzGrpc'),
];
