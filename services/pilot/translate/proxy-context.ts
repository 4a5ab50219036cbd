// The fields of a proxy that translation may read, and nothing else: their hash is the cache key, so no input can be missed.

import type { TrafficConfig } from '../../../mesh/config/schemas/proxy-traffic.ts';

/**
 * What distinguishes one proxy's configuration from another's. Made from Envoy's node (Istio's node id and metadata:
 * istio.io/latest/docs/reference/config/proxy_extensions … `TYPE~IP~NAME.NAMESPACE~DNSDOMAIN`) by `proxyContextOf`.
 */
export interface ProxyContext {
  readonly type: 'sidecar' | 'router';
  /** `grpc` for proxyless gRPC clients (node metadata GENERATOR). */
  readonly generator: 'envoy' | 'grpc';
  readonly namespace: string;
  /** Workload labels, keys sorted. */
  readonly labels: Readonly<Record<string, string>>;
  /** IP addresses; they decide which services the proxy itself serves. Sorted. */
  readonly addresses: readonly string[];
  /** `svc.cluster.local` part of short names: `default.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly clusterId: string;
  readonly network: string;
  /** `region/zone/subzone`, '' when unknown. */
  readonly locality: string;
  readonly serviceAccount: string;
  /** Kubernetes' name of the machine it runs on (node metadata NODE_NAME); absent: unknown, or nothing that it is sent depends on it. */
  readonly nodeName?: string;
  /** Istio's INTERCEPTION_MODE: NONE binds listeners to real ports. */
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** Istio's HTTP_PROXY_PORT; 0 when absent. */
  readonly httpProxyPort: number;
  /** `SDS` where its agent serves it an SVID (node metadata PERIPLUS_IDENTITY); absent: it has none and speaks plaintext. */
  readonly identity?: 'SDS';
  /** `STATS` where its Envoy has the stats logger and its agent reads what it counts (node metadata PERIPLUS_TELEMETRY). */
  readonly telemetry?: 'STATS';
  /** Present and true when it has IPv6 addresses only: names are then looked up for those. */
  readonly isIpv6Only?: true;
  /** What its own ProxyConfig says (node metadata PROXY_CONFIG, from its pod's annotation); absent: as the mesh's `defaultConfig`. */
  readonly proxyConfig?: TrafficConfig;
  /** Present and true when its connection managers take HTTP/1.0 (Istio's HTTP10 `1`, from ISTIO_META_HTTP10). */
  readonly acceptsHttp10?: true;
  /** How long, in ms, connections may be idle (Istio's IDLE_TIMEOUT); absent: Envoy's hour. */
  readonly httpIdleTimeoutMs?: number;
  /** Names of its service in spans: Envoy's (the node's `cluster`), and by OpenTelemetry's conventions; absent in contexts of gRPC clients. */
  readonly spanService?: { readonly cluster: string; readonly semantic: string };
  /** The node's other metadata that are text, keys sorted, for EnvoyFilters' `match.proxy` and auto-registration; absent: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}
