// EnvoyFilter: what each operation does to listeners, chains and filters, seen by requests.
import assert from 'node:assert/strict';
import type { Place, TrafficCase } from '../case.ts';
import { exchange, isRefused, send } from '../client.ts';
import { any, filter, type Patch, patch, patches, status } from '../envoy-filter-patches.ts';
import { virtualService } from '../resources.ts';

const hcm = 'envoy.filters.network.http_connection_manager';
/** Adds `text` to a request header. */
const lua = (text: string) => ({
  name: `lua-${text}`,
  typed_config: any('envoy.extensions.filters.http.lua.v3.Lua', {
    default_source_code: {
      inline_string: `function envoy_on_request(handle) handle:headers():add("x-order", "${text}") end`,
    },
  }),
});
/** Answers every connection. */
const says = (text: string) => ({
  name: `says-${text}`,
  typed_config: any('envoy.extensions.filters.network.direct_response.v3.Config', {
    response: { inline_string: text },
  }),
});
/** Closes every connection. */
const denies = {
  name: 'denies',
  typed_config: any('envoy.extensions.filters.network.rbac.v3.RBAC', {
    stat_prefix: 'denies',
    rules: { action: 'ALLOW' },
  }),
};
const tcpFilter = (portNumber: number): Patch['match'] => ({
  listener: { portNumber, filterChain: { filter: { name: 'envoy.filters.network.tcp_proxy' } } },
});
const httpFilter = (port: number, subFilter?: string): Patch['match'] => ({
  listener: {
    portNumber: port,
    filterChain: { filter: { name: hcm, ...(subFilter && { subFilter: { name: subFilter } }) } },
  },
});
const spareListener = ({ ports, instances: { o1 } }: Place) => ({
  name: 'added',
  address: { socket_address: { address: '127.0.0.1', port_value: ports.spare[0] } },
  filter_chains: [{ filters: [tcpProxy(`other-direct-${o1.port}`)] }],
});
const tcpProxy = (cluster: string) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'added', cluster }),
});
/** A cluster that no service has, to `other`'s instance. */
const directCluster = ({ instances: { o1 } }: Place) => ({
  name: `other-direct-${o1.port}`,
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: {
    cluster_name: `other-direct-${o1.port}`,
    endpoints: [
      {
        lb_endpoints: [{ endpoint: { address: { socket_address: { address: o1.address, port_value: o1.port } } } }],
      },
    ],
  },
});

const listenerCases: readonly TrafficCase[] = [
  {
    name: 'LISTENER ADD and CLUSTER ADD: a port and a destination of their own',
    proves: [`${patches}.applyTo`, `${patches}.patch.operation`, `${patches}.patch.value`],
    resources: (place) => [
      filter(patch('CLUSTER', 'ADD', {}, directCluster(place)), patch('LISTENER', 'ADD', {}, spareListener(place))),
    ],
    run: async (mesh) => {
      assert.match(await exchange('hello', { port: mesh.ports.spare[0] }), /^o1 hello$/);
    },
  },
  {
    name: 'LISTENER MERGE: one more address; REMOVE: nobody listens',
    proves: [`${patches}.patch.operation`],
    resources: ({ ports }) => [
      filter(
        patch(
          'LISTENER',
          'MERGE',
          { listener: { portNumber: ports.http } },
          {
            additional_addresses: [
              { address: { socket_address: { address: '127.77.9.7', port_value: ports.spare[1] } } },
            ],
          },
        ),
        patch('LISTENER', 'REMOVE', { listener: { portNumber: ports.alt } }),
      ),
    ],
    run: async (mesh) => {
      const call = { port: mesh.ports.spare[1], address: '127.77.9.7', host: 'echo' };
      assert.equal((await mesh.get('/', call)).status, 200);
      assert.equal(await isRefused({ port: mesh.ports.alt }), true);
    },
  },
  {
    name: 'FILTER_CHAIN ADD and MERGE: further names of TLS',
    proves: [`${patches}.applyTo`],
    resources: ({ ports }) => [
      virtualService('names', {
        hosts: ['echo', '*.example.com'],
        tls: [
          {
            match: [{ sniHosts: ['a.example.com'], port: ports.tls }],
            route: [{ destination: { host: 'echo', port: { number: ports.tls } } }],
          },
        ],
      }),
      filter(
        patch(
          'FILTER_CHAIN',
          'MERGE',
          { listener: { portNumber: ports.tls, filterChain: { sni: 'a.example.com' } } },
          {
            filter_chain_match: { server_names: ['merged.example.com'] },
          },
        ),
        patch(
          'FILTER_CHAIN',
          'ADD',
          { listener: { portNumber: ports.tls } },
          {
            filter_chain_match: { server_names: ['added.example.com'] },
            filters: [says('added')],
          },
        ),
      ),
    ],
    run: async (mesh) => {
      const tls = (servername: string) => ({ ca: mesh.certificates.ca, servername });
      const call = { port: mesh.ports.tls, timeoutMs: 3_000 };
      const sni = async (name: string) => (await send('/', { ...call, tls: tls(name) })).echo.tls?.sni;
      assert.equal(await sni('merged.example.com'), 'merged.example.com');
      // No TLS is spoken there: the bytes of its filter are what the client takes for a broken handshake.
      await assert.rejects(send('/', { ...call, tls: tls('added.example.com') }), /wrong version|packet length/i);
    },
  },
  {
    name: 'LISTENER_FILTER INSERT_FIRST and INSERT_BEFORE: the PROXY protocol is read before the bytes',
    proves: [`${patches}.applyTo`],
    resources: ({ ports }) => {
      const proxyProtocol = {
        name: 'proxy',
        typed_config: any('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'),
      };
      const at = (portNumber: number, listenerFilter?: string) => ({
        listener: { portNumber, ...(listenerFilter && { listenerFilter }) },
      });
      const inspector = 'envoy.filters.listener.http_inspector';
      return [
        filter(
          patch('LISTENER_FILTER', 'INSERT_FIRST', at(ports.tcp), proxyProtocol),
          patch('LISTENER_FILTER', 'INSERT_BEFORE', at(ports.auto, inspector), proxyProtocol),
        ),
      ];
    },
    run: async (mesh) => {
      const header = 'PROXY TCP4 192.0.2.9 192.0.2.1 1234 80\r\n';
      // Bytes that are no HTTP at first sight: the port whose protocol is detected passes them on at once.
      const bytes = '\0\x01 bytes';
      for (const port of [mesh.ports.tcp, mesh.ports.auto])
        assert.equal((await exchange(`${header}${bytes}`, { port })).slice(2), ` ${bytes}`);
    },
  },
];

const filterCases: readonly TrafficCase[] = [
  {
    name: 'NETWORK_FILTER INSERT_FIRST, INSERT_BEFORE: refused before bytes are passed on; REPLACE: answered instead',
    proves: [`${patches}.applyTo`],
    resources: ({ ports }) => [
      filter(
        patch('NETWORK_FILTER', 'INSERT_BEFORE', tcpFilter(ports.tcp), denies),
        patch('NETWORK_FILTER', 'INSERT_FIRST', { listener: { portNumber: ports.tls } }, denies),
      ),
    ],
    run: async (mesh) => {
      const { ports, certificates } = mesh;
      await assert.rejects(exchange('hello', { port: ports.tcp }));
      const tls = { ca: certificates.ca, servername: 'echo' };
      await assert.rejects(send('/', { port: ports.tls, tls, timeoutMs: 3_000 }));
      await mesh.apply(filter(patch('NETWORK_FILTER', 'REPLACE', tcpFilter(ports.tcp), says('instead'))));
      assert.equal(await exchange('hello', { port: ports.tcp }), 'instead');
    },
  },
  {
    name: 'NETWORK_FILTER MERGE: settings of the connection manager',
    proves: [`${patches}.patch.value`],
    resources: ({ ports }) => [
      filter(
        patch('NETWORK_FILTER', 'MERGE', httpFilter(ports.http), {
          typed_config: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
            server_name: 'patched',
          }),
        }),
      ),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).headers.server, 'patched');
      assert.equal((await mesh.get('/', { port: mesh.ports.alt })).headers.server, 'envoy');
    },
  },
  {
    name: 'HTTP_FILTER INSERT_FIRST, INSERT_AFTER, INSERT_BEFORE and ADD: in that order',
    proves: [`${patches}.patch.operation`],
    resources: ({ ports: { http } }) => [
      filter(
        patch('HTTP_FILTER', 'INSERT_BEFORE', httpFilter(http, 'envoy.filters.http.router'), lua('before')),
        patch('HTTP_FILTER', 'INSERT_AFTER', httpFilter(http, 'envoy.filters.http.fault'), lua('after')),
        patch('HTTP_FILTER', 'INSERT_FIRST', httpFilter(http), lua('first')),
      ),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.headers['x-order'], 'first, after, before');
    },
  },
  {
    name: 'HTTP_FILTER REMOVE, REPLACE and MERGE: no faults, another filter for CORS, a quiet router',
    proves: [`${patches}.patch.operation`],
    resources: ({ ports: { http } }) => [
      virtualService('echo', {
        hosts: ['echo'],
        http: [
          {
            fault: { abort: { percentage: { value: 100 }, httpStatus: 418 } },
            route: [{ destination: { host: 'echo' } }],
          },
        ],
      }),
      filter(
        patch('HTTP_FILTER', 'REMOVE', httpFilter(http, 'envoy.filters.http.fault')),
        patch('HTTP_FILTER', 'REPLACE', httpFilter(http, 'envoy.filters.http.cors'), lua('instead')),
        patch('HTTP_FILTER', 'MERGE', httpFilter(http, 'envoy.filters.http.router'), {
          typed_config: any('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
        }),
      ),
    ],
    run: async (mesh) => {
      const answer = await mesh.get('/');
      assert.equal(answer.status, 200);
      assert.equal(answer.echo.headers['x-order'], 'instead');
      assert.equal(answer.headers['x-envoy-upstream-service-time'], undefined);
      assert.equal(await status(mesh, '/', `echo:${mesh.ports.http}`), 200);
      assert.equal((await mesh.get('/', { port: mesh.ports.alt })).status, 418, 'another port');
    },
  },
  {
    name: 'EXTENSION_CONFIG ADD: a filter whose configuration comes on its own',
    proves: [`${patches}.applyTo`],
    resources: ({ ports: { http } }) => [
      filter(
        patch('EXTENSION_CONFIG', 'ADD', {}, { ...lua('found'), name: 'by-name' }),
        patch('HTTP_FILTER', 'INSERT_BEFORE', httpFilter(http, 'envoy.filters.http.router'), {
          name: 'by-name',
          config_discovery: {
            config_source: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
            type_urls: ['type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua'],
          },
        }),
      ),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.headers['x-order'], 'found');
    },
  },
];

/** See the file's first line. */
export const envoyFilterOperationCases: readonly TrafficCase[] = [...listenerCases, ...filterCases];
