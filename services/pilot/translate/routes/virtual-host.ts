// Virtual hosts, each encoded once and spliced into every route configuration that has it.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ConsistentHashLB } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { HTTPRetry } from '../../../../mesh/config/schemas/virtual-service.ts';
import { encodeSpliced, fieldRecord } from '../encode.ts';
import { allowAnyDynamicDnsCluster } from '../listeners/outbound-traffic.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { durationOfMs } from './duration.ts';
import { hashPolicy } from './hash-policy.ts';
import { retryPolicy } from './retry-policy.ts';
import { setTimeouts } from './route-action.ts';
import { routeMatch } from './route-match.ts';

/** Istio's limit of a direct response's body: Envoy's default of 4 KiB is below what validation accepts. */
const maxDirectResponseBodySizeBytes = 1024 * 1024;

/** Field number of `RouteConfiguration.virtual_hosts`. */
const virtualHostsField = 2;

/** A virtual host as it goes into route configurations. */
export interface EncodedVirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  /** Whole field record of `RouteConfiguration.virtual_hosts`. */
  readonly record: Uint8Array;
}

/** What `proxyHeaders` say of requests that are forwarded. */
export interface ForwardedHeaders {
  /** Servers are told how often a request was tried. */
  readonly hasAttemptCount: boolean;
  /** Where a route writes another host the first one is kept in x-forwarded-host. */
  readonly hasForwardedHost: boolean;
}

/** See the interface; Istio's defaults where the mesh sets none. */
export function forwardedHeaders({ proxyHeaders }: Pick<MeshConfig, 'proxyHeaders'>): ForwardedHeaders {
  return {
    hasAttemptCount: proxyHeaders?.attemptCount?.disabled !== true,
    hasForwardedHost: proxyHeaders?.xForwardedHost?.enabled === true,
  };
}

/** A virtual host with these routes. */
export function virtualHost(
  {
    name,
    domains,
    routes,
  }: Pick<VirtualHost, 'name'> & {
    readonly domains: readonly string[];
    readonly routes: readonly Route[];
  },
  { hasAttemptCount }: Pick<ForwardedHeaders, 'hasAttemptCount'>,
): VirtualHost {
  return create(VirtualHostSchema, {
    name,
    domains: [...domains],
    routes: [...routes],
    includeRequestAttemptCount: hasAttemptCount,
  });
}

/** Encodes a virtual host. */
export function encodeVirtualHost(host: VirtualHost): EncodedVirtualHost {
  const { name, domains } = host;
  return { name, domains, record: fieldRecord(virtualHostsField, VirtualHostSchema, host) };
}

/** The route to a service that no VirtualService changes: all requests, default retries, no timeout. */
export function defaultRoute(options: {
  readonly cluster: string;
  /** `host:port/*`, for traces. */
  readonly operation: string;
  readonly hash: ConsistentHashLB | undefined;
  readonly isProxyless: boolean;
  /** The mesh's retries; undefined: Istio's own default. */
  readonly retries: HTTPRetry | undefined;
}): Route {
  const policy = hashPolicy(options.hash);
  const retry = retryPolicy(options.retries, false);
  const route = create(RouteSchema, {
    name: 'default',
    match: routeMatch(undefined),
    decorator: { operation: options.operation },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: options.cluster },
        ...(retry ? { retryPolicy: retry } : {}),
        ...(policy ? { hashPolicy: [policy] } : {}),
      },
    },
  });
  if (route.action.case === 'route') setTimeouts(route.action.value, {}, options.isProxyless);
  return route;
}

/** Requests for hosts that no service has go where they were going (`cluster`), or are answered 502. */
export function catchAllVirtualHost(cluster: string | undefined, headers: ForwardedHeaders): VirtualHost {
  const allowed = cluster === allowAnyDynamicDnsCluster ? 'allow_any_dynamic_dns' : 'allow_any';
  const name = cluster === undefined ? 'block_all' : allowed;
  const match = routeMatch(undefined);
  const noTimeout = durationOfMs(0);
  const action: MessageInitShape<typeof RouteSchema>['action'] =
    cluster === undefined
      ? { case: 'directResponse', value: { status: 502 } }
      : {
          case: 'route',
          value: {
            clusterSpecifier: { case: 'cluster', value: cluster },
            timeout: noTimeout,
            maxGrpcTimeout: noTimeout,
            appendXForwardedHost: headers.hasForwardedHost,
          },
        };
  return virtualHost({ name, domains: ['*'], routes: [create(RouteSchema, { name, match, action })] }, headers);
}

/** A route configuration out of ready virtual hosts. */
export function encodeRouteConfiguration(
  name: string,
  hosts: readonly EncodedVirtualHost[],
  options: Pick<Partial<RouteConfiguration>, 'ignorePortInHostMatching'> & { readonly isProxyless?: boolean } = {},
): EncodedResource {
  const head = create(RouteConfigurationSchema, {
    name,
    ...(options.isProxyless
      ? {}
      : {
          // Clusters come over CDS, maybe later than routes: a route without its cluster answers 503 instead of a NACK.
          validateClusters: false,
          maxDirectResponseBodySizeBytes,
          ignorePortInHostMatching: options.ignorePortInHostMatching ?? true,
        }),
  });
  return encodeSpliced(typeUrls.route, name, [
    toBinary(RouteConfigurationSchema, head),
    ...hosts.map(({ record }) => record),
  ]);
}
