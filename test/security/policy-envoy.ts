// One real Envoy that carries out many sets of policies: HTTP by a header that names the set, TCP by a listener for each set.
import { toJson } from '@bufbuild/protobuf';
import type { Filter } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { HttpFilter } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { HttpFilterSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { anyTypes } from '../../mesh/envoy/any-types.ts';

/** A certificate and its key, in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What the Envoy is made with. */
export interface PolicyEnvoyOptions {
  readonly authority: string;
  readonly server: KeyPair;
  /** Ports for HTTP in the clear and over mutual TLS. */
  readonly httpPorts: { readonly plain: number; readonly tls: number };
  /** Checks tokens; for all sets. */
  readonly tokens: HttpFilter;
  /** Filters of each set, as translation makes them. */
  readonly httpSets: readonly (readonly HttpFilter[])[];
  readonly tcpSets: readonly { readonly port: number; readonly filters: readonly Filter[] }[];
}

type Json = Readonly<Record<string, unknown>>;
const typed = (name: string, rest: Json = {}) => ({ '@type': `type.googleapis.com/${name}`, ...rest });

/** The header that names the set of policies; `none` has none, and tells in `x-path` what the path became. */
export const setHeader = 'x-policy-set';

/** A static bootstrap. Allowed requests are answered 200, allowed connections echo. */
export function policyBootstrap(options: PolicyEnvoyOptions): Json {
  const { httpPorts, tcpSets } = options;
  return {
    admin: { address: address(0) },
    layeredRuntime: { layers: [{ name: 'static', staticLayer: { 're2.max_program_size.error_level': 32768 } }] },
    staticResources: {
      listeners: [
        listener('http', httpPorts.plain, [{ filters: [connectionManager(options)] }]),
        listener('https', httpPorts.tls, [
          { filters: [connectionManager(options)], transportSocket: mutualTls(options) },
        ]),
        ...tcpSets.map(({ port, filters }, index) => {
          const all = [...filters.map((filter) => toJson(FilterSchema, filter, { registry: anyTypes })), echo];
          return listener(`tcp-${index}`, port, [
            { filterChainMatch: { transportProtocol: 'tls' }, filters: all, transportSocket: mutualTls(options) },
            { filterChainMatch: { transportProtocol: 'raw_buffer' }, filters: all },
          ]);
        }),
      ],
    },
  };
}

const echo = { name: 'echo', typedConfig: typed('envoy.extensions.filters.network.echo.v3.Echo') };

function address(port: number): Json {
  return { socketAddress: { address: '127.0.0.1', portValue: port } };
}

function listener(name: string, port: number, filterChains: readonly Json[]): Json {
  const inspector = {
    name: 'tls_inspector',
    typedConfig: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
  };
  return { name, address: address(port), listenerFilters: [inspector], filterChains };
}

function connectionManager({ httpSets, tokens }: PolicyEnvoyOptions): Json {
  const rbac = (name: string) => ({ name, typedConfig: typed('envoy.extensions.filters.http.rbac.v3.RBAC') });
  const routes = httpSets.map((filters, index) => ({
    match: { prefix: '/', headers: [{ name: setHeader, stringMatch: { exact: String(index) } }] },
    directResponse: { status: 200 },
    typedPerFilterConfig: Object.fromEntries(
      filters.map((filter, place) => {
        const { typedConfig } = toJson(HttpFilterSchema, filter, { registry: anyTypes }) as { typedConfig: Json };
        const { '@type': _, ...settings } = typedConfig;
        return [slots[place] ?? '', typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: settings })];
      }),
    ),
  }));
  return {
    name: 'http',
    typedConfig: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      statPrefix: 'http',
      normalizePath: true,
      httpFilters: [
        toJson(HttpFilterSchema, tokens, { registry: anyTypes }),
        ...slots.map(rbac),
        { name: 'router', typedConfig: typed('envoy.extensions.filters.http.router.v3.Router') },
      ],
      routeConfig: { virtualHosts: [{ name: 'all', domains: ['*'], routes: [...routes, tellsPath] }] },
    }),
  };
}

/** A set without policies, whose answers tell what the path became. */
const tellsPath = {
  match: { prefix: '/', headers: [{ name: setHeader, stringMatch: { exact: 'none' } }] },
  directResponse: { status: 200 },
  responseHeadersToAdd: [{ header: { key: 'x-path', value: '%REQ(:PATH)%' } }],
};

/** Places of a set's filters: a route's settings are found by the filter's name, and translation's all have the same. */
const slots = ['first', 'second', 'third'];

function mutualTls({ authority, server }: PolicyEnvoyOptions): Json {
  return {
    name: 'tls',
    typedConfig: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      requireClientCertificate: true,
      commonTlsContext: {
        tlsCertificates: [
          { certificateChain: { inlineString: server.certificate }, privateKey: { inlineString: server.key } },
        ],
        validationContext: { trustedCa: { inlineString: authority } },
      },
    }),
  };
}
