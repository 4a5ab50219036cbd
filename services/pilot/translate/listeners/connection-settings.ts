// Limits and strictness of connection managers and gateways' listeners, as Istio's ProxyConfig.connectionSettings say.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { HttpProtocolOptions_HeadersWithUnderscoresAction } from '../../../../gen/envoy/config/core/v3/protocol_pb.js';
import {
  HttpConnectionManager_PathWithEscapedSlashesAction,
  type HttpConnectionManagerSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ConnectionSettings } from '../../../../mesh/config/schemas/proxy-traffic.ts';
import { durationOf, durationOfMs } from '../routes/duration.ts';
import type { ListenerClass } from './connection-manager.ts';

/** What the profile EDGE means at gateways, where a field is not set: Envoy's "edge best practices". */
const edge: ConnectionSettings = {
  listenerPerConnectionBufferLimitBytes: 32_768,
  httpIdleTimeout: '3600s',
  httpStreamIdleTimeout: '300s',
  httpRequestTimeout: '300s',
  httpRequestHeadersTimeout: '60s',
  httpMaxConcurrentStreams: 100,
  http2InitialStreamWindowSize: 65_536,
  http2InitialConnectionWindowSize: 1_048_576,
  httpHeadersWithUnderscoresAction: 'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
  httpMergeSlashes: true,
  httpPathWithEscapedSlashesAction: 'UNESCAPE_AND_REDIRECT',
};

/** The settings that hold for listeners of a class: what is set, and at gateways the profile's for the rest. */
function settingsOf(listenerClass: ListenerClass, { connectionSettings }: MeshConfig): ConnectionSettings {
  const { profile, ...set } = connectionSettings ?? {};
  return profile === 'EDGE' && listenerClass === 'gateway' ? { ...edge, ...withoutUnspecified(set) } : set;
}

/** Names that say nothing take no default's place. */
function withoutUnspecified(set: ConnectionSettings): ConnectionSettings {
  return Object.fromEntries(
    Object.entries(set).filter(([, value]) => typeof value !== 'string' || !value.endsWith('_UNSPECIFIED')),
  );
}

/** Soft limit in bytes of what a gateway's listener buffers for a connection; undefined: Envoy's. */
export function listenerBufferLimit(mesh: MeshConfig): number | undefined {
  const limit = settingsOf('gateway', mesh).listenerPerConnectionBufferLimitBytes;
  return isAmount(limit) ? limit : undefined;
}

/** Fields of a connection manager; they go before the mesh's `pathNormalization` and a proxy's metadata IDLE_TIMEOUT. */
export function connectionOptions(listenerClass: ListenerClass, mesh: MeshConfig) {
  const settings = settingsOf(listenerClass, mesh);
  const common = commonOptions(settings, mesh);
  const http2 = http2Options(settings);
  return {
    ...(Object.keys(common).length > 0 ? { commonHttpProtocolOptions: common } : {}),
    ...(Object.keys(http2).length > 0 ? { http2ProtocolOptions: http2 } : {}),
    ...timeouts(settings),
    ...(settings.httpMergeSlashes === undefined ? {} : { mergeSlashes: settings.httpMergeSlashes }),
    ...escapedSlashes(settings),
  } satisfies MessageInitShape<typeof HttpConnectionManagerSchema>;
}

function commonOptions(settings: ConnectionSettings, { httpIdleTimeoutMs }: MeshConfig) {
  const { httpIdleTimeout, httpMaxConnectionDuration, httpMaxStreamDuration } = settings;
  const underscores = underscoreActions[settings.httpHeadersWithUnderscoresAction ?? ''];
  const ownIdleTimeout = httpIdleTimeoutMs === undefined ? undefined : durationOfMs(httpIdleTimeoutMs);
  const idleTimeout = httpIdleTimeout ? durationOf(httpIdleTimeout) : ownIdleTimeout;
  return {
    ...(idleTimeout ? { idleTimeout } : {}),
    ...(httpMaxConnectionDuration ? { maxConnectionDuration: durationOf(httpMaxConnectionDuration) } : {}),
    ...(httpMaxStreamDuration ? { maxStreamDuration: durationOf(httpMaxStreamDuration) } : {}),
    ...(underscores === undefined ? {} : { headersWithUnderscoresAction: underscores }),
  };
}

function http2Options(settings: ConnectionSettings) {
  const { httpMaxConcurrentStreams, http2InitialStreamWindowSize, http2InitialConnectionWindowSize } = settings;
  const numbers = {
    maxConcurrentStreams: httpMaxConcurrentStreams,
    initialStreamWindowSize: http2InitialStreamWindowSize,
    initialConnectionWindowSize: http2InitialConnectionWindowSize,
  };
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => isAmount(value)));
}

/** As Istio reads them: a negative number is none. */
function isAmount(value: number | undefined): value is number {
  return value !== undefined && value >= 0;
}

function timeouts(settings: ConnectionSettings) {
  const { httpStreamIdleTimeout, httpRequestTimeout, httpRequestHeadersTimeout, httpDrainTimeout } = settings;
  return {
    // Streams may be idle: the application decides, not the mesh.
    streamIdleTimeout: httpStreamIdleTimeout ? durationOf(httpStreamIdleTimeout) : durationOfMs(0),
    ...(httpRequestTimeout ? { requestTimeout: durationOf(httpRequestTimeout) } : {}),
    ...(httpRequestHeadersTimeout ? { requestHeadersTimeout: durationOf(httpRequestHeadersTimeout) } : {}),
    ...(httpDrainTimeout ? { drainTimeout: durationOf(httpDrainTimeout) } : {}),
  };
}

function escapedSlashes({ httpPathWithEscapedSlashesAction }: ConnectionSettings) {
  const action = slashActions[httpPathWithEscapedSlashesAction ?? ''];
  return action === undefined ? {} : { pathWithEscapedSlashesAction: action };
}

const underscoreActions: Readonly<Record<string, HttpProtocolOptions_HeadersWithUnderscoresAction>> = {
  HEADERS_WITH_UNDERSCORES_ALLOW: HttpProtocolOptions_HeadersWithUnderscoresAction.ALLOW,
  HEADERS_WITH_UNDERSCORES_REJECT_REQUEST: HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST,
  HEADERS_WITH_UNDERSCORES_DROP_HEADER: HttpProtocolOptions_HeadersWithUnderscoresAction.DROP_HEADER,
};
const slashActions: Readonly<Record<string, HttpConnectionManager_PathWithEscapedSlashesAction>> = {
  KEEP_UNCHANGED: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
  REJECT_REQUEST: HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
  UNESCAPE_AND_REDIRECT: HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT,
  UNESCAPE_AND_FORWARD: HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD,
};
