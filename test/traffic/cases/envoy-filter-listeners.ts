// EnvoyFilter: which filter chains and listener filters are patched, and a gateway by targetRefs.
import assert from 'node:assert/strict';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send } from '../client.ts';
import { envoyFilter, type Manifest, sidecar, virtualService } from '../resources.ts';

const match = 'EnvoyFilter.configPatches.match';
type Patch = NonNullable<Parameters<typeof envoyFilter>[1]['configPatches']>[number];
type FilterChain = NonNullable<NonNullable<NonNullable<Patch['match']>['listener']>['filterChain']>;
type Context = NonNullable<NonNullable<Patch['match']>['context']>;

const connectionManager = {
  name: 'envoy.filters.network.http_connection_manager',
  subFilter: { name: 'envoy.filters.http.router' },
};

/** A Lua filter in the chains that `where` finds: the request then says `text`. */
function tells(text: string, context: Context, where: FilterChain): Patch {
  return {
    applyTo: 'HTTP_FILTER',
    match: { context, listener: { filterChain: { ...where, filter: connectionManager } } },
    patch: {
      operation: 'INSERT_BEFORE',
      value: {
        name: `lua-${text}`,
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
          default_source_code: {
            inline_string: `function envoy_on_request(handle) handle:headers():add("x-found", "${text}") end`,
          },
        },
      },
    },
  };
}

const bind = '127.77.0.9';
/** Two ingress listeners in front of the application. */
function ingress({ ports, instances: { app } }: Place): Manifest {
  const listener = (number: number) => ({
    port: { number, protocol: 'HTTP', name: `http-${number}` },
    bind,
    captureMode: 'NONE' as const,
    defaultEndpoint: `127.0.0.1:${app.port}`,
  });
  return sidecar('client', {
    workloadSelector: { labels: { app: 'client' } },
    ingress: [listener(ports.spare[0]), listener(ports.spare[1])],
    egress: [{ hosts: ['*/*'] }],
  });
}
const found = async (mesh: CaseMesh, port: number, address = '127.0.0.1') =>
  (await mesh.get('/', { port, address, host: `echo:${port}` })).echo.headers['x-found'];

/** See the file's first line. */
export const envoyFilterListenerCases: readonly TrafficCase[] = [
  {
    name: 'filterChain.name and destinationPort: one of several inbound ports',
    proves: [`${match}.listener.filterChain.name`, `${match}.listener.filterChain.destinationPort`],
    resources: (place) => {
      const [first, second] = place.ports.spare;
      return [
        ingress(place),
        envoyFilter('chains', {
          configPatches: [
            tells('name', 'SIDECAR_INBOUND', { name: `${bind}_${first}` }),
            tells('port', 'SIDECAR_INBOUND', { destinationPort: second }),
          ],
        }),
      ];
    },
    run: async (mesh) => {
      const [first, second] = mesh.ports.spare;
      assert.deepEqual([await found(mesh, first, bind), await found(mesh, second, bind)], ['name', 'port']);
    },
  },
  {
    name: 'filterChain.transportProtocol and applicationProtocols: a port whose protocol is detected',
    proves: ['transportProtocol', 'applicationProtocols'].map((field) => `${match}.listener.filterChain.${field}`),
    resources: () => [
      envoyFilter('chains', {
        configPatches: [
          tells('http', 'SIDECAR_OUTBOUND', { applicationProtocols: 'http/1.1,h2c' }),
          tells('raw', 'SIDECAR_OUTBOUND', { transportProtocol: 'raw_buffer', applicationProtocols: 'http/1.1' }),
          tells('tls', 'SIDECAR_OUTBOUND', { transportProtocol: 'tls' }),
          tells('other', 'SIDECAR_OUTBOUND', { applicationProtocols: 'istio' }),
        ],
      }),
    ],
    run: async (mesh) => {
      assert.equal(await found(mesh, mesh.ports.auto), 'http, raw');
      assert.equal(await found(mesh, mesh.ports.http), undefined, 'its chain matches no protocols');
    },
  },
  {
    name: 'filterChain.sni: FILTER_CHAIN is removed for one name',
    proves: [`${match}.listener.filterChain.sni`],
    resources: ({ ports }) => [
      virtualService('names', {
        hosts: ['echo', '*.example.com'],
        tls: ['a.example.com', 'b.example.com'].map((name) => ({
          match: [{ sniHosts: [name], port: ports.tls }],
          route: [{ destination: { host: 'echo', port: { number: ports.tls } } }],
        })),
      }),
      envoyFilter('names', {
        configPatches: [
          {
            applyTo: 'FILTER_CHAIN',
            match: { context: 'SIDECAR_OUTBOUND', listener: { filterChain: { sni: 'a.example.com' } } },
            patch: { operation: 'REMOVE' },
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const says = (servername: string) =>
        send('/', { port: mesh.ports.tls, tls: { ca: mesh.certificates.ca, servername }, timeoutMs: 3_000 });
      assert.equal((await says('b.example.com')).echo.tls?.sni, 'b.example.com');
      await assert.rejects(says('a.example.com'));
    },
  },
  {
    name: 'listenerFilter: without the HTTP inspector everything is bytes',
    proves: [`${match}.listener.listenerFilter`],
    resources: ({ ports }) => [
      virtualService('echo', { hosts: ['echo'], http: [{ directResponse: { status: 218 } }] }),
      envoyFilter('blind', {
        configPatches: [
          {
            applyTo: 'LISTENER_FILTER',
            match: {
              context: 'SIDECAR_OUTBOUND',
              listener: { portNumber: ports.auto, listenerFilter: 'envoy.filters.listener.http_inspector' },
            },
            patch: { operation: 'REMOVE' },
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const host = `echo:${mesh.ports.auto}`;
      assert.match((await mesh.get('/', { port: mesh.ports.auto, host })).echo.instance, /^e\d$/);
      assert.match(await exchange('x', { port: mesh.ports.auto }), /^e\d x$/);
      assert.equal((await mesh.get('/')).status, 218, 'other ports know HTTP');
    },
  },
];
