// Istio's MeshConfig as its users write it (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1): the fields of its `mesh` document.
import {
  clientTlsSchema,
  connectionPoolSchema,
  localityLbSettingSchema,
  outlierDetectionSchema,
  tcpKeepaliveSchema,
  zoneAwareLbSettingSchema,
} from './destination-rule.ts';
import { extensionProviderSchema } from './extension-provider.ts';
import { defaultConfigSchema } from './proxy-traffic.ts';
import {
  anything,
  duration,
  durationOrZero,
  flag,
  list,
  map,
  type ObjectSchema,
  object,
  oneOfNames,
  required,
  type Static,
  text,
  uint32,
} from './schema.ts';
import { httpRetrySchema } from './virtual-service.ts';

const used = {
  rootNamespace: text,
  trustDomain: text,
  trustDomainAliases: list(text),
  outboundTrafficPolicy: object({
    mode: oneOfNames('REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'),
    tls: clientTlsSchema,
  }),
  accessLogFile: text,
  accessLogFormat: text,
  accessLogEncoding: oneOfNames('TEXT', 'JSON'),
  disableEnvoyListenerLog: flag,
  protocolDetectionTimeout: durationOrZero,
  connectTimeout: duration,
  dnsRefreshRate: duration,
  tcpKeepalive: tcpKeepaliveSchema,
  h2UpgradePolicy: oneOfNames('DO_NOT_UPGRADE', 'UPGRADE'),
  enableAutoMtls: flag,
  enableTracing: flag,
  inboundClusterStatName: text,
  outboundClusterStatName: text,
  localityLbSetting: localityLbSettingSchema,
  zoneAwareLbSetting: zoneAwareLbSettingSchema,
  inboundTrafficPolicy: object({ mode: oneOfNames('PASSTHROUGH', 'LOCALHOST') }),
  serviceSettings: list(object({ settings: object({ clusterLocal: flag }), hosts: list(text) })),
  defaultHttpRetryPolicy: httpRetrySchema,
  proxyHttpPort: uint32,
  defaultTrafficPolicy: object({ connectionPool: connectionPoolSchema, outlierDetection: outlierDetectionSchema }),
  pathNormalization: object({
    normalization: oneOfNames('DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
  }),
  extensionProviders: list(extensionProviderSchema),
  defaultProviders: object({ tracing: list(text), metrics: list(text), accessLogging: list(text) }),
  defaultConfig: defaultConfigSchema,
  meshMTLS: object({
    minProtocolVersion: oneOfNames('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'),
    ecdhCurves: anything,
    cipherSuites: list(text),
  }),
  tlsDefaults: object({
    minProtocolVersion: oneOfNames('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'),
    ecdhCurves: list(text),
    cipherSuites: list(text),
  }),
  defaultServiceExportTo: list(text),
  defaultVirtualServiceExportTo: list(text),
  defaultDestinationRuleExportTo: list(text),
} as const;

/** Fields of Istio's that are accepted, kept as written, and have no effect. */
export const unusedMeshFields = [
  'ca',
  'caCertificates',
  'certificates',
  'configSources',
  'enableEnvoyAccessLogService',
  'enablePrometheusMerge',
  'hboneIdleTimeout',
  'ingressClass',
  'ingressControllerMode',
  'ingressSelector',
  'ingressService',
  'proxyInboundListenPort',
  'proxyListenPort',
  'serviceEntryVisibility',
  'serviceScopeConfigs',
  'verifyCertificateAtClient',
] as const;

const labelSelectorSchema = object({
  matchLabels: map(text),
  matchExpressions: list(
    object({
      key: required(text),
      operator: required(oneOfNames('In', 'NotIn', 'Exists', 'DoesNotExist')),
      values: list(text),
    }),
  ),
});
/** A selector by labels (kubernetes.io/docs/concepts/overview/working-with-objects/labels). */
export type LabelSelector = Static<typeof labelSelectorSchema>;

/** Fields that the Kubernetes adapter acts on, before translation. */
const adapterFields = { discoverySelectors: list(labelSelectorSchema) } as const;
/** Their names. */
export const adapterMeshFields: readonly string[] = Object.keys(adapterFields);

const usedSchema = object({ ...used, ...adapterFields });

/** The fields of the document that a MeshConfig (mesh-config.ts) is made of. */
export interface MeshConfigSpec extends Static<typeof usedSchema> {}

/** Schema of the document. */
export const meshConfigSchema: ObjectSchema = object({
  ...used,
  ...adapterFields,
  ...Object.fromEntries(unusedMeshFields.map((name) => [name, anything])),
});
