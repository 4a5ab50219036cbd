// Envoy's HTTP connection manager as Istio sets it up for each class of listener, with stock filters only.
import { create } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import { type Filter, FilterSchema } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { RouteConfiguration } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import { CorsSchema } from '../../../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '../../../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RouterSchema } from '../../../../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
  type ResponseMapper,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { hostLookUpFilter, type NameLookUps } from '../dynamic-dns.ts';
import { compareNames } from '../names.ts';
import { durationOfMs } from '../routes/duration.ts';
import { isHttp2, type ListenerPortProtocol } from '../routes/protocol.ts';
import type { ReportPlace } from '../telemetry/stats-loggers.ts';
import type { WorkloadTelemetry } from '../telemetry/workload-telemetry.ts';
import { cidrRange } from './address.ts';
import { connectionOptions } from './connection-settings.ts';
import { keepsHeaderCase, preservedCase } from './header-case.ts';
import { headerOptions, suppressesDebugHeaders } from './proxy-headers.ts';

/** Which side of the mesh a listener is on. */
export type ListenerClass = 'sidecar-outbound' | 'sidecar-inbound' | 'gateway';

/** What connection managers differ in. */
export interface ConnectionManagerOptions {
  readonly class: ListenerClass;
  readonly statPrefix: string;
  readonly protocol: ListenerPortProtocol;
  readonly mesh: MeshConfig;
  readonly telemetry: WorkloadTelemetry;
  /** What a server's reports say of it. */
  readonly place?: Omit<ReportPlace, 'side'>;
  /** Routes by name over ADS, or inline. */
  readonly routes: { readonly rdsName: string } | { readonly inline: RouteConfiguration };
  /** Filters that decide who may pass; before all others. */
  readonly securityFilters?: readonly HttpFilter[];
  /** What is answered where they refuse. */
  readonly denialReplies?: readonly ResponseMapper[];
  /** Whether hosts that requests name are looked up. */
  readonly nameLookUps?: NameLookUps;
  /** Access logs beside telemetry's. */
  readonly reportLogs?: readonly AccessLog[];
}

/** The network filter that holds the connection manager. */
export function connectionManagerFilter(options: ConnectionManagerOptions): Filter {
  const value = anyPack(HttpConnectionManagerSchema, connectionManager(options));
  return create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value },
  });
}

/** The connection manager itself. */
export function connectionManager(options: ConnectionManagerOptions): HttpConnectionManager {
  const { telemetry, securityFilters = [], denialReplies = [], reportLogs = [] } = options;
  const side = options.class === 'sidecar-inbound' ? 'SERVER' : 'CLIENT';
  const tracing = telemetry.tracing(side);
  const requestIdExtension = telemetry.requestId(side);
  return create(HttpConnectionManagerSchema, {
    statPrefix: options.statPrefix,
    routeSpecifier: routeSpecifier(options.routes),
    httpFilters: [...telemetry.httpFilters(side), ...securityFilters, ...httpFilters(options)],
    accessLog: [...telemetry.httpLogs({ ...options.place, side }), ...reportLogs],
    ...(tracing ? { tracing } : {}),
    ...(requestIdExtension ? { requestIdExtension } : {}),
    ...(denialReplies.length > 0 ? { localReplyConfig: { mappers: [...denialReplies] } } : {}),
    ...pathNormalization(options.mesh),
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    proxy100Continue: true,
    ...classOptions(options),
    ...connectionOptions(options.class, options.mesh),
    ...headerOptions(options.class, options.mesh),
  });
}

/**
 * How paths are rewritten before anything looks at them (istio.io/latest/docs/reference/config/security/normalization). Istio's
 * default leaves doubled and encoded slashes as they are: matchers that refuse know about those (security/path-matchers.ts).
 */
function pathNormalization({ pathNormalization: mode = 'DEFAULT' }: MeshConfig) {
  const decode = HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD;
  switch (mode) {
    case 'NONE':
      return { normalizePath: false };
    case 'DEFAULT':
    case 'BASE':
      return { normalizePath: true };
    case 'MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true };
    case 'DECODE_AND_MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: decode };
    default:
      return mode satisfies never;
  }
}

function routeSpecifier(routes: ConnectionManagerOptions['routes']): HttpConnectionManager['routeSpecifier'] {
  if ('inline' in routes) return { case: 'routeConfig', value: routes.inline };
  return create(HttpConnectionManagerSchema, {
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: routes.rdsName,
        configSource: {
          configSourceSpecifier: { case: 'ads', value: {} },
          // A listener without its routes would answer 404: it waits for them.
          initialFetchTimeout: durationOfMs(0),
          resourceApiVersion: ApiVersion.V3,
        },
      },
    },
  }).routeSpecifier;
}

function classOptions({ class: listenerClass, protocol, mesh }: ConnectionManagerOptions) {
  const http1 = http1Settings(mesh);
  switch (listenerClass) {
    case 'sidecar-outbound':
      return {
        useRemoteAddress: false,
        ...http1Options(protocol === 'HTTP_PROXY' ? { ...http1, allowAbsoluteUrl: true } : http1),
      };
    case 'sidecar-inbound':
      return {
        useRemoteAddress: false,
        ...http1Options(http1),
        ...(isHttp2(protocol) ? { http2ProtocolOptions: {} } : {}),
      };
    case 'gateway':
      return { useRemoteAddress: true, httpProtocolOptions: { ...http1 }, ...internalAddresses(mesh) };
    default:
      return listenerClass satisfies never;
  }
}

function http1Options(options: typeof preservedCase | undefined) {
  return options === undefined ? {} : { httpProtocolOptions: options };
}

function http1Settings(mesh: MeshConfig): typeof preservedCase | undefined {
  if (!mesh.acceptsHttp10) return keepsHeaderCase(mesh) ? preservedCase : undefined;
  return { ...(keepsHeaderCase(mesh) ? preservedCase : {}), acceptHttp10: true };
}

/** Whose `x-envoy-*` request headers a gateway believes: addresses of the mesh's networks, and without any nobody's. */
function internalAddresses({ networks = {} }: MeshConfig) {
  const texts = Object.values(networks).flatMap(({ endpoints = [] }) =>
    endpoints.flatMap(({ fromCidr }) => fromCidr ?? []),
  );
  const cidrRanges = texts
    .sort(compareNames)
    .map(cidrRange)
    .filter((range) => range !== undefined);
  return cidrRanges.length === 0 ? {} : { internalAddressConfig: { cidrRanges } };
}

const faultFilter = httpFilter('envoy.filters.http.fault', anyPack(HTTPFaultSchema, create(HTTPFaultSchema)));
const corsFilter = httpFilter('envoy.filters.http.cors', anyPack(CorsSchema, create(CorsSchema)));
const grpcWebFilter = httpFilter('envoy.filters.http.grpc_web', anyPack(GrpcWebSchema, create(GrpcWebSchema)));
const routerFilter = httpFilter('envoy.filters.http.router', anyPack(RouterSchema, create(RouterSchema)));
const quietRouterFilter = httpFilter(
  'envoy.filters.http.router',
  anyPack(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })),
);

/** Fault and CORS are inert until a route configures them; the router ends the chain. */
function httpFilters({ protocol, mesh, nameLookUps }: ConnectionManagerOptions): HttpFilter[] {
  const router = suppressesDebugHeaders(mesh) ? quietRouterFilter : routerFilter;
  const lookUps = nameLookUps === undefined ? [] : [hostLookUpFilter(nameLookUps)];
  return [...(protocol === 'GRPC-Web' ? [grpcWebFilter] : []), faultFilter, corsFilter, ...lookUps, router];
}

/** Filters that proxyless gRPC clients understand. */
export const proxylessHttpFilters: readonly HttpFilter[] = [faultFilter, routerFilter];

function httpFilter(name: string, value: Any): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value } });
}
