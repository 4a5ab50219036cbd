// Mesh-wide defaults (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1): the fields Periplus acts on.

/** Effective mesh configuration; `defaultMeshConfig` where nothing was set. */
export interface MeshConfig {
  /** Namespace whose Sidecar, DestinationRule and policies apply mesh-wide. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /** Path of the access log, `/dev/stdout`, or '' for none. */
  readonly accessLogFile: string;
  readonly accessLogFormat: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  /** Milliseconds to wait for the first bytes when detecting a protocol; 0 waits for ever. */
  readonly protocolDetectionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly defaultServiceExportTo: readonly string[];
  readonly defaultVirtualServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
  /** `istio: ingressgateway` services' ingress class is not used; kept for Istio's meaning of localityLbSetting. */
  readonly localityLbEnabled: boolean;
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
