// DestinationRule (istio.io/latest/docs/reference/config/networking/destination-rule): schema and types.
import { matchLabelsSelectorSchema, portSelectorSchema } from './destination.ts';
import {
  double,
  duration,
  durationOrZero,
  flag,
  int32,
  list,
  map,
  object,
  oneOfNames,
  required,
  type Static,
  text,
  uint32,
  uint64,
} from './schema.ts';

const httpCookie = object({
  name: required(text),
  path: text,
  ttl: durationOrZero,
  attributes: list(object({ name: required(text), value: text })),
});
const consistentHash = object({
  httpHeaderName: text,
  httpCookie,
  useSourceIp: flag,
  httpQueryParameterName: text,
  ringHash: object({ minimumRingSize: uint64 }),
  maglev: object({ tableSize: uint64 }),
  minimumRingSize: uint64,
});
const failover = object({ from: text, to: text });
/** Schema of `LocalityLoadBalancerSetting`; MeshConfig has it too. */
export const localityLbSettingSchema = object({
  distribute: list(object({ from: text, to: map(uint32) })),
  failover: list(failover),
  failoverPriority: list(text),
  enabled: flag,
});
/** Schema of `ZoneAwareLoadBalancerSetting`; MeshConfig has it too. */
export const zoneAwareLbSettingSchema = object({
  enabled: flag,
  failover: list(failover),
  failoverPriority: list(text),
  minClusterSize: uint64,
});
const warmup = object({ duration: required(duration), minimumPercent: double, aggression: double });
const loadBalancer = object({
  simple: oneOfNames('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
  consistentHash,
  localityLbSetting: localityLbSettingSchema,
  zoneAwareLbSetting: zoneAwareLbSettingSchema,
  warmupDurationSecs: duration,
  warmup,
});
/** Schema of `TcpKeepalive`; MeshConfig has it too. */
export const tcpKeepaliveSchema = object({ probes: uint32, time: duration, interval: duration });
const tcpSettings = object({
  maxConnections: int32,
  connectTimeout: duration,
  tcpKeepalive: tcpKeepaliveSchema,
  maxConnectionDuration: duration,
  idleTimeout: durationOrZero,
});
const httpSettings = object({
  http1MaxPendingRequests: int32,
  http2MaxRequests: int32,
  maxRequestsPerConnection: int32,
  maxRetries: int32,
  idleTimeout: duration,
  h2UpgradePolicy: oneOfNames('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
  useClientProtocol: flag,
  maxConcurrentStreams: int32,
  http2KeepAlive: object({ interval: duration, timeout: duration }),
});
/** Schema of `ConnectionPoolSettings`; Sidecar has them too. */
export const connectionPoolSchema = object({ tcp: tcpSettings, http: httpSettings });
/** Schema of `OutlierDetection`; MeshConfig has it too. */
export const outlierDetectionSchema = object({
  consecutiveErrors: int32,
  splitExternalLocalOriginErrors: flag,
  consecutiveLocalOriginFailures: uint32,
  consecutiveGatewayErrors: uint32,
  consecutive5xxErrors: uint32,
  interval: duration,
  baseEjectionTime: duration,
  maxEjectionPercent: int32,
  minHealthPercent: int32,
  outlierDetectionHttpErrorCodes: list(uint32),
});
/** Also of mesh config's `outboundTrafficPolicy`. */
export const clientTlsSchema = object({
  mode: oneOfNames('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  clientCertificate: text,
  privateKey: text,
  caCertificates: text,
  caCrl: text,
  credentialName: text,
  subjectAltNames: list(text),
  sni: text,
  insecureSkipVerify: flag,
});
const portTrafficPolicy = object({
  port: portSelectorSchema,
  loadBalancer,
  connectionPool: connectionPoolSchema,
  outlierDetection: outlierDetectionSchema,
  tls: clientTlsSchema,
});
const trafficPolicy = object({
  loadBalancer,
  connectionPool: connectionPoolSchema,
  outlierDetection: outlierDetectionSchema,
  tls: clientTlsSchema,
  portLevelSettings: list(portTrafficPolicy),
  tunnel: object({ protocol: text, targetHost: required(text), targetPort: required(uint32) }),
  proxyProtocol: object({ version: oneOfNames('V1', 'V2') }),
  retryBudget: object({ percent: double, minRetryConcurrency: uint32, budgetInterval: durationOrZero }),
});
const subset = object({ name: required(text), labels: map(text), trafficPolicy });

/** Schema of a DestinationRule's spec. */
export const destinationRuleSchema = object({
  host: required(text),
  trafficPolicy,
  subsets: list(subset),
  exportTo: list(text),
  workloadSelector: matchLabelsSelectorSchema,
});

/** Policies for traffic to a host, applied after routing. */
export interface DestinationRuleSpec extends Static<typeof destinationRuleSchema> {}
/** Load balancing, pools, outlier detection and TLS of a host or subset. */
export interface TrafficPolicy extends Static<typeof trafficPolicy> {}
/** A TrafficPolicy for one port; replaces (does not merge with) the destination's. */
export interface PortTrafficPolicy extends Static<typeof portTrafficPolicy> {}
/** Named endpoints of a host, by labels. */
export interface Subset extends Static<typeof subset> {}
/** Which endpoint gets a request. */
export interface LoadBalancerSettings extends Static<typeof loadBalancer> {}
/** Hash-based affinity. */
export interface ConsistentHashLB extends Static<typeof consistentHash> {}
/** Locality weights and failover. */
export interface LocalityLoadBalancerSetting extends Static<typeof localityLbSettingSchema> {}
/** Zone-aware routing. */
export interface ZoneAwareLoadBalancerSetting extends Static<typeof zoneAwareLbSettingSchema> {}
/** New endpoints get their share slowly. */
export interface WarmupConfiguration extends Static<typeof warmup> {}
/** Limits on connections and requests. */
export interface ConnectionPoolSettings extends Static<typeof connectionPoolSchema> {}
/** See ConnectionPoolSettings. */
export interface TCPSettings extends Static<typeof tcpSettings> {}
/** See ConnectionPoolSettings. */
export interface HTTPSettings extends Static<typeof httpSettings> {}
/** Ejects failing endpoints. */
export interface OutlierDetection extends Static<typeof outlierDetectionSchema> {}
/** TLS towards the destination. */
export interface ClientTLSSettings extends Static<typeof clientTlsSchema> {}
/** TCP keep-alive probes. */
export interface TcpKeepalive extends Static<typeof tcpKeepaliveSchema> {}
