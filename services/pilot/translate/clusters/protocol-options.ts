// Which HTTP version a cluster speaks upstream, and HTTP connection settings (Envoy's HttpProtocolOptions extension).
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Cluster } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type HttpProtocolOptions as CommonHttpProtocolOptions,
  HttpProtocolOptionsSchema as CommonHttpProtocolOptionsSchema,
  Http1ProtocolOptionsSchema,
  type Http2ProtocolOptions,
  Http2ProtocolOptionsSchema,
  KeepaliveSettingsSchema,
  type UpstreamHttpProtocolOptions,
} from '../../../../gen/envoy/config/core/v3/protocol_pb.js';
import { UpstreamCodecSchema } from '../../../../gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import {
  type HttpProtocolOptions,
  HttpProtocolOptions_ExplicitHttpConfigSchema,
  HttpProtocolOptions_UseDownstreamHttpConfigSchema,
  HttpProtocolOptionsSchema,
} from '../../../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { ConnectionPoolSettings, HTTPSettings } from '../../../../mesh/config/schemas/destination-rule.ts';
import { preservedCase } from '../listeners/header-case.ts';
import { durationOf } from '../routes/duration.ts';
import { outlierErrors } from './error-matcher.ts';

/** As long as gRPC's own default: a connection whose peer is silent for 20 s after a ping is dead. */
const defaultPingTimeout = '20s';
const extensionName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Ends a cluster's chain of HTTP filters. */
const upstreamCodec = create(HttpFilterSchema, {
  name: 'envoy.filters.http.upstream_codec',
  configType: { case: 'typedConfig', value: anyPack(UpstreamCodecSchema, create(UpstreamCodecSchema)) },
});

/** `downstream`: the version in which the request came; `http1` is Envoy's own default. */
export type UpstreamHttp = 'http1' | 'http2' | 'downstream';

/** Sets the extension, unless everything is Envoy's default. */
export function applyProtocolOptions(
  cluster: Cluster,
  options: {
    readonly version: UpstreamHttp;
    readonly pool?: ConnectionPoolSettings | undefined;
    readonly upstream?: UpstreamHttpProtocolOptions | undefined;
    /** HTTP filters on the way to the cluster. */
    readonly filters?: readonly HttpFilter[];
    /** Names of HTTP/1 headers go on in the case in which they came. */
    readonly keepsHeaderCase: boolean;
    /** Statuses that outlier detection counts as errors instead of 5xx. */
    readonly errorCodes?: readonly number[];
  },
): void {
  const { version, pool, upstream, keepsHeaderCase, filters = [], errorCodes = [] } = options;
  const common = commonOptions(pool);
  const isDefault = version === 'http1' && common === undefined && upstream === undefined && !keepsHeaderCase;
  if (isDefault && filters.length === 0 && errorCodes.length === 0) return;
  const message = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: versionOptions(version, pool?.http, keepsHeaderCase),
    ...(common !== undefined && { commonHttpProtocolOptions: common }),
    ...(upstream !== undefined && { upstreamHttpProtocolOptions: upstream }),
    ...(filters.length > 0 && { httpFilters: [...filters, upstreamCodec] }),
  });
  if (errorCodes.length > 0) message.$unknown = [outlierErrors(errorCodes)];
  cluster.typedExtensionProtocolOptions[extensionName] = anyPack(HttpProtocolOptionsSchema, message);
}

/**
 * The version for a port's protocol and its connectionPool: `useClientProtocol`, then the port's own HTTP/2, then the client's where it
 * is detected, then `h2UpgradePolicy`.
 */
export function upstreamHttpVersion(options: {
  readonly isHttp2Port: boolean;
  readonly isDetected: boolean;
  readonly http: HTTPSettings | undefined;
}): UpstreamHttp {
  const { isHttp2Port, isDetected, http } = options;
  if (http?.useClientProtocol === true) return 'downstream';
  if (isHttp2Port) return 'http2';
  if (isDetected) return 'downstream';
  return http?.h2UpgradePolicy === 'UPGRADE' ? 'http2' : 'http1';
}

function versionOptions(
  version: UpstreamHttp,
  http: HTTPSettings | undefined,
  keepsHeaderCase: boolean,
): HttpProtocolOptions['upstreamProtocolOptions'] {
  const http1 = create(Http1ProtocolOptionsSchema, keepsHeaderCase ? preservedCase : {});
  switch (version) {
    case 'http1': {
      const protocolConfig = { case: 'httpProtocolOptions', value: http1 } as const;
      return {
        case: 'explicitHttpConfig',
        value: create(HttpProtocolOptions_ExplicitHttpConfigSchema, { protocolConfig }),
      };
    }
    case 'http2': {
      const protocolConfig = { case: 'http2ProtocolOptions', value: http2Options(http) } as const;
      return {
        case: 'explicitHttpConfig',
        value: create(HttpProtocolOptions_ExplicitHttpConfigSchema, { protocolConfig }),
      };
    }
    case 'downstream':
      return {
        case: 'useDownstreamProtocolConfig',
        value: create(HttpProtocolOptions_UseDownstreamHttpConfigSchema, {
          httpProtocolOptions: http1,
          http2ProtocolOptions: http2Options(http),
        }),
      };
    default:
      return version satisfies never;
  }
}

function http2Options(http: HTTPSettings | undefined): Http2ProtocolOptions {
  const { maxConcurrentStreams = 0, http2KeepAlive } = http ?? {};
  return create(Http2ProtocolOptionsSchema, {
    ...(maxConcurrentStreams > 0 && { maxConcurrentStreams }),
    ...(http2KeepAlive !== undefined && {
      connectionKeepalive: create(KeepaliveSettingsSchema, {
        ...(http2KeepAlive.interval !== undefined && { interval: durationOf(http2KeepAlive.interval) }),
        // Envoy requires one.
        timeout: durationOf(http2KeepAlive.timeout ?? defaultPingTimeout),
      }),
    }),
  });
}

function commonOptions(pool: ConnectionPoolSettings | undefined): CommonHttpProtocolOptions | undefined {
  const { maxRequestsPerConnection = 0 } = pool?.http ?? {};
  // As in Istio, HTTP connections without an idle timeout of their own have TCP's.
  const idleTimeout = pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout;
  const maxConnectionDuration = pool?.tcp?.maxConnectionDuration;
  if (idleTimeout === undefined && maxRequestsPerConnection <= 0 && maxConnectionDuration === undefined)
    return undefined;
  return create(CommonHttpProtocolOptionsSchema, {
    ...(idleTimeout !== undefined && { idleTimeout: durationOf(idleTimeout) }),
    ...(maxRequestsPerConnection > 0 && { maxRequestsPerConnection }),
    ...(maxConnectionDuration !== undefined && { maxConnectionDuration: durationOf(maxConnectionDuration) }),
  });
}
