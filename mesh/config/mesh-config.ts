// Mesh-wide defaults (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1): the fields Periplus acts on, and how Istio's are read.

import type { ConfigResource } from '../../events/model.ts';
import { settingsIn } from '../agent-settings.ts';
import { checkSchema, isRecord } from './check-schema.ts';
import type { MeshNetworks, MeshNetworksSpec } from './mesh-networks.ts';
import type { Path, Report } from './problem.ts';
import { durationMs } from './quantities.ts';
import type { ProxySettings } from './schemas/agent-settings.ts';
import type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  LocalityLoadBalancerSetting,
  OutlierDetection,
  TcpKeepalive,
  ZoneAwareLoadBalancerSetting,
} from './schemas/destination-rule.ts';
import type { ExtensionProvider } from './schemas/extension-provider.ts';
import { type MeshConfigSpec, meshConfigSchema, unusedMeshFields } from './schemas/mesh-config.ts';
import type { ConnectionSettings, GatewayTopology, ProxyHeaders, ProxyTracing } from './schemas/proxy-traffic.ts';
import type { HTTPRetry } from './schemas/virtual-service.ts';

import { checkMeshSettings } from './validate/mesh-config.ts';
import { placeAt } from './validate/place.ts';
import { checkUnusedSettings } from './validate/unused-mesh-settings.ts';

/** Effective mesh configuration; `defaultMeshConfig` where nothing was set. */
export interface MeshConfig {
  /** Namespace whose Sidecar, DestinationRule and policies apply mesh-wide. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'ALLOW_ANY_DYNAMIC_DNS' | 'REGISTRY_ONLY';
  /** How hosts are called that ALLOW_ANY_DYNAMIC_DNS looks up; absent: in plaintext. */
  readonly outboundTrafficTls?: ClientTLSSettings;
  /** Path of the access log, `/dev/stdout`, or '' for none. */
  readonly accessLogFile: string;
  readonly accessLogFormat: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  /** True: connections that no filter chain takes are logged nowhere; absent: as all others. */
  readonly disableEnvoyListenerLog?: boolean;
  /** Milliseconds to wait for the first bytes when detecting a protocol; 0 waits for ever. */
  readonly protocolDetectionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly defaultServiceExportTo: readonly string[];
  readonly defaultVirtualServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
  /** `istio: ingressgateway` services' ingress class is not used; kept for Istio's meaning of localityLbSetting. */
  readonly localityLbEnabled: boolean;
  /** Distribution and failover for destinations that set none of their own. */
  readonly localityLbSetting?: LocalityLoadBalancerSetting;
  /** Zone-aware balancing for destinations that set nothing of their own; goes before `localityLbSetting`. */
  readonly zoneAwareLbSetting?: ZoneAwareLoadBalancerSetting;
  /** How sidecars call the application: on loopback, or (absent) at the address that the client called. */
  readonly inboundTrafficPolicy?: 'PASSTHROUGH' | 'LOCALHOST';
  /** Hosts whose endpoints are for callers of their own cluster. */
  readonly serviceSettings?: NonNullable<MeshConfigSpec['serviceSettings']>;
  /** What sidecars ask of TLS within the mesh. */
  readonly meshMtls?: NonNullable<MeshConfigSpec['meshMTLS']>;
  /** For routes without `retries`; absent: Istio's built-in default. */
  readonly defaultHttpRetryPolicy?: HTTPRetry;
  /** Port of each sidecar's forward proxy on loopback, where its own metadata names none; absent: none. */
  readonly proxyHttpPort?: number;
  /** For destinations without their own. */
  readonly defaultConnectionPool?: ConnectionPoolSettings;
  /** For destinations without their own. */
  readonly defaultOutlierDetection?: OutlierDetection;
  readonly tcpKeepalive?: TcpKeepalive;
  /** Whether HTTP/1.1 to sidecars is upgraded; absent means DO_NOT_UPGRADE. */
  readonly h2UpgradePolicy?: 'DO_NOT_UPGRADE' | 'UPGRADE';
  /** Whether clients use mutual TLS with workloads that can; absent means true, Istio's default. */
  readonly enableAutoMtls?: boolean;
  /** Patterns of the names that clusters' statistics have; absent: the clusters' own names. */
  readonly inboundClusterStatName?: string;
  readonly outboundClusterStatName?: string;
  /** Milliseconds between DNS look-ups of STRICT_DNS clusters; absent means 60 s, Istio's default. */
  readonly dnsRefreshRateMs?: number;
  readonly trustDomainAliases?: readonly string[];
  /** How paths are normalised before they are matched; absent means DEFAULT, which is BASE. */
  readonly pathNormalization?: 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  /** Providers of telemetry where no Telemetry names others. */
  readonly defaultProviders?: {
    readonly tracing?: readonly string[];
    readonly metrics?: readonly string[];
    readonly accessLogging?: readonly string[];
  };
  /** What stands before gateways, headers of all proxies, their tracing: `defaultConfig` of the mesh, which a proxy's own may change. */
  readonly gatewayTopology?: GatewayTopology;
  readonly proxyHeaders?: ProxyHeaders;
  /** How proxies are started where no ProxyConfig says otherwise. */
  readonly proxySettings?: ProxySettings;
  readonly tracing?: ProxyTracing;
  readonly connectionSettings?: ConnectionSettings;
  /** Whether `tracing.zipkin` is used where neither a Telemetry nor a default provider speaks of tracing; absent means true. */
  readonly enableTracing?: boolean;
  /** Of one proxy, from its node's metadata: whether it takes HTTP/1.0, and how long, in ms, connections of HTTP may be idle. */
  readonly acceptsHttp10?: true;
  readonly httpIdleTimeoutMs?: number;
  /** For TLS that ends at gateways and Sidecar listeners whose server sets none of its own, and ciphers and curves of TLS that rules begin. */
  readonly tlsDefaults?: NonNullable<MeshConfigSpec['tlsDefaults']>;
  /** Who authorizes (AuthorizationPolicies of action CUSTOM), logs and traces (Telemetry). */
  readonly extensionProviders?: readonly ExtensionProvider[];
  /** Networks and their gateways; absent: every endpoint is called itself. */
  readonly networks?: MeshNetworks;
}

/** What the resource holds: the ConfigMap's document `mesh`, and beside its fields the other document, `meshNetworks`. */
export interface MeshConfigResourceSpec extends MeshConfigSpec {
  readonly meshNetworks?: MeshNetworksSpec;
}

/** Istio's defaults. */
export const defaultMeshConfig: MeshConfig = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  outboundTrafficPolicy: 'ALLOW_ANY',
  accessLogFile: '',
  accessLogFormat: '',
  accessLogEncoding: 'TEXT',
  protocolDetectionTimeoutMs: 0,
  connectTimeoutMs: 10_000,
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  localityLbEnabled: true,
};

/** Kind, namespace and name under which the config store keeps it; users write it as the ConfigMap `istio`, key `mesh`. */
export const meshConfigKey = { kind: 'MeshConfig', namespace: 'istio-system', name: 'istio' } as const;

/** Whether a resource is the mesh configuration. */
export function isMeshConfig(resource: ConfigResource): resource is ConfigResource<MeshConfigResourceSpec> {
  const { kind, namespace, name } = meshConfigKey;
  return resource.kind === kind && resource.namespace === namespace && resource.name === name;
}

/** Reports what is wrong with Istio's `mesh` document at `path` and returns it normalised. Fields without effect are warnings. */
export function checkMeshConfig(document: unknown, path: Path, report: Report): MeshConfigSpec {
  const checked = checkSchema(meshConfigSchema, document, path, { report: asIstioReads(report, path) });
  if (!isRecord(document)) return {};
  for (const name of unusedMeshFields)
    if (document[name] !== undefined && document[name] !== null)
      report([...path, name], 'is accepted but has no effect in Periplus', {
        severity: 'warning',
        code: 'IST0133',
        key: true,
      });
  checkMeshSettings(checked as MeshConfigSpec, placeAt(report, path));
  checkUnusedSettings(document, placeAt(report, path));
  return checked as MeshConfigSpec;
}

/** Istio passes over fields that it does not know, at any depth of this document. */
function asIstioReads(report: Report, { length }: Path): Report {
  return (path, message, options) => {
    const isUnknown = message.startsWith('unknown field') && path.length > length;
    report(path, message, isUnknown ? { ...options, severity: 'warning', code: 'IST0133' } : options);
  };
}

/** The effective configuration: `spec` (checked by `checkMeshConfig`) over `base`. */
export function meshConfigOf(spec: MeshConfigResourceSpec, base: MeshConfig = defaultMeshConfig): MeshConfig {
  const ms = (text: string | undefined) => (text === undefined ? undefined : durationMs(text));
  return withoutUndefined(base, {
    rootNamespace: spec.rootNamespace || undefined,
    trustDomain: spec.trustDomain || undefined,
    outboundTrafficPolicy: spec.outboundTrafficPolicy?.mode,
    outboundTrafficTls: spec.outboundTrafficPolicy?.tls,
    accessLogFile: spec.accessLogFile,
    accessLogFormat: spec.accessLogFormat,
    accessLogEncoding: spec.accessLogEncoding,
    disableEnvoyListenerLog: spec.disableEnvoyListenerLog,
    protocolDetectionTimeoutMs: ms(spec.protocolDetectionTimeout),
    connectTimeoutMs: ms(spec.connectTimeout),
    defaultServiceExportTo: nonEmpty(spec.defaultServiceExportTo),
    defaultVirtualServiceExportTo: nonEmpty(spec.defaultVirtualServiceExportTo),
    defaultDestinationRuleExportTo: nonEmpty(spec.defaultDestinationRuleExportTo),
    localityLbEnabled: spec.localityLbSetting?.enabled,
    localityLbSetting: spec.localityLbSetting,
    zoneAwareLbSetting: spec.zoneAwareLbSetting,
    inboundTrafficPolicy: spec.inboundTrafficPolicy?.mode,
    serviceSettings: spec.serviceSettings,
    meshMtls: spec.meshMTLS,
    defaultHttpRetryPolicy: spec.defaultHttpRetryPolicy,
    proxyHttpPort: spec.proxyHttpPort,
    defaultConnectionPool: spec.defaultTrafficPolicy?.connectionPool,
    defaultOutlierDetection: spec.defaultTrafficPolicy?.outlierDetection,
    tcpKeepalive: spec.tcpKeepalive,
    h2UpgradePolicy: spec.h2UpgradePolicy,
    enableAutoMtls: spec.enableAutoMtls,
    enableTracing: spec.enableTracing,
    inboundClusterStatName: spec.inboundClusterStatName || undefined,
    outboundClusterStatName: spec.outboundClusterStatName || undefined,
    dnsRefreshRateMs: ms(spec.dnsRefreshRate),
    trustDomainAliases: spec.trustDomainAliases,
    pathNormalization: spec.pathNormalization?.normalization,
    extensionProviders: spec.extensionProviders,
    defaultProviders: spec.defaultProviders,
    gatewayTopology: spec.defaultConfig?.gatewayTopology,
    proxyHeaders: spec.defaultConfig?.proxyHeaders,
    proxySettings: settingsOf(spec.defaultConfig),
    tracing: spec.defaultConfig?.tracing,
    connectionSettings: spec.defaultConfig?.connectionSettings,
    tlsDefaults: spec.tlsDefaults,
    networks: spec.meshNetworks?.networks,
  });
}

function settingsOf({ concurrency, proxyMetadata }: MeshConfigSpec['defaultConfig'] = {}): ProxySettings | undefined {
  const set = settingsIn({ concurrency, proxyMetadata });
  return Object.keys(set).length > 0 ? set : undefined;
}

function nonEmpty(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function withoutUndefined(
  base: MeshConfig,
  changes: { readonly [K in keyof MeshConfig]?: MeshConfig[K] | undefined },
): MeshConfig {
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(set) as Partial<MeshConfig>) };
}
