// EnvoyFilter: what is patched, where it is found, in which order; seen by headers that patches add and clusters that they take away.
import assert from 'node:assert/strict';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { versions } from '../expectations.ts';
import { envoyFilter, gateway, gatewaySelector, type Manifest, virtualService } from '../resources.ts';

const patches = 'EnvoyFilter.configPatches';
const match = `${patches}.match`;
const host = 'echo.default.svc.cluster.local';
type Patch = NonNullable<Parameters<typeof envoyFilter>[1]['configPatches']>[number];

/** A response header on what the patch finds: both on virtual hosts and on routes. */
const header = (key: string, value = 'seen') => ({
  operation: 'MERGE' as const,
  value: { response_headers_to_add: [{ header: { key, value } }] },
});
const virtualHosts = (where: Patch['match'], key: string): Patch => ({
  applyTo: 'VIRTUAL_HOST',
  ...(where && { match: where }),
  patch: header(key),
});
const filter = (name: string, ...configPatches: readonly Patch[]): Manifest =>
  envoyFilter(name, { configPatches: [...configPatches] });
const headerOf = async (mesh: CaseMesh, key: string, port?: number) =>
  (await mesh.get('/', port === undefined ? {} : { port, host: `echo:${port}` })).headers[key];

/** A Lua filter in front of the router, that adds to a request header. */
const lua = (ports: Place['ports'], text: string): Patch => ({
  applyTo: 'HTTP_FILTER',
  match: {
    context: 'SIDECAR_OUTBOUND',
    listener: {
      portNumber: ports.http,
      filterChain: {
        filter: {
          name: 'envoy.filters.network.http_connection_manager',
          subFilter: { name: 'envoy.filters.http.router' },
        },
      },
    },
  },
  patch: {
    operation: 'INSERT_BEFORE',
    value: {
      name: `lua-${text}`,
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
        default_source_code: {
          inline_string: `function envoy_on_request(handle) handle:headers():add("x-order", "${text}") end`,
        },
      },
    },
  },
});
const orderSeen = async (mesh: CaseMesh, port?: number) =>
  (await mesh.get('/', port === undefined ? {} : { port, host: `echo:${port}` })).echo.headers['x-order'];

/** See the file's first line. */
export const envoyFilterCases: readonly TrafficCase[] = [
  {
    name: 'VIRTUAL_HOST by routeConfiguration.name and vhost.name',
    proves: [
      `${patches}.applyTo`,
      `${match}.context`,
      `${match}.routeConfiguration.name`,
      `${match}.routeConfiguration.vhost.name`,
      `${patches}.patch.operation`,
      `${patches}.patch.value`,
    ],
    resources: ({ ports }) => [
      filter(
        'hosts',
        virtualHosts(
          {
            context: 'SIDECAR_OUTBOUND',
            routeConfiguration: { name: `${ports.http}`, vhost: { name: `${host}:${ports.http}` } },
          },
          'x-by-name',
        ),
        virtualHosts(
          { context: 'SIDECAR_OUTBOUND', routeConfiguration: { name: `${ports.http}`, vhost: { name: 'nobody:1' } } },
          'x-by-other-name',
        ),
        virtualHosts(
          { context: 'GATEWAY', routeConfiguration: { vhost: { name: `${host}:${ports.http}` } } },
          'x-other-context',
        ),
      ),
    ],
    run: async (mesh) => {
      const { headers } = await mesh.get('/');
      assert.equal(headers['x-by-name'], 'seen');
      assert.deepEqual([headers['x-by-other-name'], headers['x-other-context']], [undefined, undefined]);
      assert.equal(await headerOf(mesh, 'x-by-name', mesh.ports.alt), undefined, 'another route configuration');
    },
  },
  {
    name: 'VIRTUAL_HOST by routeConfiguration.portNumber and vhost.domainName',
    proves: [`${match}.routeConfiguration.portNumber`, `${match}.routeConfiguration.vhost.domainName`],
    resources: ({ ports }) => [
      filter(
        'hosts',
        virtualHosts({ context: 'SIDECAR_OUTBOUND', routeConfiguration: { portNumber: ports.alt } }, 'x-by-port'),
        virtualHosts(
          { context: 'SIDECAR_OUTBOUND', routeConfiguration: { vhost: { domainName: host } } },
          'x-by-domain',
        ),
        virtualHosts(
          { context: 'SIDECAR_OUTBOUND', routeConfiguration: { vhost: { domainName: 'no.example.com' } } },
          'x-by-other-domain',
        ),
      ),
    ],
    run: async (mesh) => {
      assert.equal(await headerOf(mesh, 'x-by-port', mesh.ports.alt), 'seen');
      assert.equal(await headerOf(mesh, 'x-by-port'), undefined);
      assert.equal(await headerOf(mesh, 'x-by-domain'), 'seen');
      assert.equal(await headerOf(mesh, 'x-by-other-domain'), undefined);
    },
  },
  {
    name: 'HTTP_ROUTE by vhost.route.name and action',
    proves: [`${match}.routeConfiguration.vhost.route.name`, `${match}.routeConfiguration.vhost.route.action`],
    resources: () => {
      const on = (route: { readonly name?: string; readonly action?: 'ROUTE' | 'REDIRECT' }, key: string): Patch => ({
        applyTo: 'HTTP_ROUTE',
        match: { context: 'SIDECAR_OUTBOUND', routeConfiguration: { vhost: { route } } },
        patch: header(key),
      });
      return [
        virtualService('echo', {
          hosts: ['echo'],
          http: [
            { name: 'first', match: [{ uri: { prefix: '/first' } }], route: [{ destination: { host: 'echo' } }] },
            { name: 'second', match: [{ uri: { prefix: '/away' } }], redirect: { uri: '/there' } },
            { name: 'third', route: [{ destination: { host: 'echo' } }] },
          ],
        }),
        filter(
          'routes',
          on({ name: 'first' }, 'x-named'),
          on({ action: 'REDIRECT' }, 'x-redirects'),
          on({ action: 'ROUTE' }, 'x-routes'),
        ),
      ];
    },
    run: async (mesh) => {
      const seen = async (path: string) => {
        const { headers } = await mesh.get(path);
        return [headers['x-named'], headers['x-redirects'], headers['x-routes']];
      };
      assert.deepEqual(await seen('/first'), ['seen', undefined, 'seen']);
      assert.deepEqual(await seen('/away'), [undefined, 'seen', undefined]);
      assert.deepEqual(await seen('/'), [undefined, undefined, 'seen']);
    },
  },
  {
    name: 'routeConfiguration.gateway and portName: the HTTPS server of one Gateway',
    proves: [`${match}.routeConfiguration.gateway`, `${match}.routeConfiguration.portName`, `${match}.context`],
    resources: ({ ports, files }) => {
      const where = (name: string, portName: string, key: string) =>
        virtualHosts({ context: 'GATEWAY', routeConfiguration: { gateway: name, portName } }, key);
      return [
        gateway('secure', {
          selector: gatewaySelector,
          servers: [
            {
              port: { number: ports.spare[0], name: 'https', protocol: 'HTTPS' },
              // No bind: with one, the route configuration's name has more parts and Istio does not read it.
              hosts: ['web.example.com'],
              tls: { mode: 'SIMPLE', serverCertificate: files.server, privateKey: files.serverKey },
            },
          ],
        }),
        virtualService('web', {
          hosts: ['web.example.com'],
          gateways: ['secure', 'base'],
          http: [{ route: [{ destination: { host: 'other' } }] }],
        }),
        envoyFilter(
          'gateways',
          {
            configPatches: [
              where('default/secure', 'https', 'x-secure'),
              where('default/none', 'https', 'x-none'),
              where('default/secure', 'other', 'x-other-port'),
            ],
          },
          // Of the gateway's own namespace.
          { namespace: 'istio-system' },
        ),
      ];
    },
    run: async (mesh) => {
      const tls = { ca: mesh.certificates.ca, servername: 'web.example.com' };
      const { headers } = await mesh.ingress('/', { port: mesh.ports.spare[0], tls });
      assert.deepEqual(
        [headers['x-secure'], headers['x-none'], headers['x-other-port']],
        ['seen', undefined, undefined],
      );
      assert.equal((await mesh.ingress('/')).headers['x-secure'], undefined, 'another Gateway');
    },
  },
  {
    name: 'HTTP_FILTER before another, on the listener of one port; priority decides between EnvoyFilters',
    proves: [
      `${match}.listener.portNumber`,
      `${match}.listener.filterChain.filter.name`,
      `${match}.listener.filterChain.filter.subFilter.name`,
      'EnvoyFilter.priority',
    ],
    resources: ({ ports }) => [
      envoyFilter('a-late', { priority: 10, configPatches: [lua(ports, 'late')] }),
      envoyFilter('b-early', { priority: -10, configPatches: [lua(ports, 'early')] }),
    ],
    run: async (mesh) => {
      assert.equal(await orderSeen(mesh), 'early, late');
      assert.equal(await orderSeen(mesh, mesh.ports.alt), undefined, 'another port');
    },
  },
  {
    name: 'listener.name',
    proves: [`${match}.listener.name`],
    resources: ({ ports }) => {
      const { match: _, ...rest } = lua(ports, 'named');
      const where = (name: string): Patch => ({ ...rest, match: { context: 'SIDECAR_OUTBOUND', listener: { name } } });
      const first = { operation: 'INSERT_FIRST' as const };
      const at = (name: string): Patch => {
        const one = where(name);
        return { ...one, patch: { ...one.patch, ...first } };
      };
      return [filter('named', at(`127.0.0.1_${ports.http}`), at('127.0.0.1_1'))];
    },
    run: async (mesh) => {
      assert.equal(await orderSeen(mesh), 'named');
      assert.equal(await orderSeen(mesh, mesh.ports.alt), undefined, 'another listener');
    },
  },
  {
    name: 'CLUSTER by service, portNumber and subset, and by name: what is removed is not reached',
    proves: ['service', 'portNumber', 'subset', 'name'].map((field) => `${match}.cluster.${field}`),
    resources: ({ ports }) => [
      versions(),
      virtualService('echo', {
        hosts: ['echo'],
        http: ['v1', 'v2', 'v3'].map((subset) => ({
          match: [{ uri: { prefix: `/${subset}` } }],
          route: [{ destination: { host: 'echo', subset } }],
        })),
      }),
      filter(
        'gone',
        {
          applyTo: 'CLUSTER',
          match: { context: 'SIDECAR_OUTBOUND', cluster: { service: host, portNumber: ports.http, subset: 'v1' } },
          patch: { operation: 'REMOVE' },
        },
        {
          applyTo: 'CLUSTER',
          match: { context: 'SIDECAR_OUTBOUND', cluster: { name: `outbound|${ports.http}|v2|${host}` } },
          patch: { operation: 'REMOVE' },
        },
      ),
    ],
    run: async (mesh) => {
      const statuses = await Promise.all(
        ['v1', 'v2', 'v3'].map(async (subset) => (await mesh.get(`/${subset}`)).status),
      );
      assert.deepEqual(statuses, [503, 503, 200]);
      assert.equal(
        (await mesh.get('/v1', { port: mesh.ports.alt, host: `echo:${mesh.ports.alt}` })).status,
        200,
        'another port',
      );
    },
  },
];
