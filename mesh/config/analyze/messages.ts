// Istio's configuration analysis messages (istio.io/latest/docs/reference/config/analysis): name and level of each code, and who finds it here.

/** How bad a finding is, in istioctl's words. */
export type AnalysisLevel = 'Error' | 'Warning' | 'Info';

/** One kind of message. */
export interface AnalysisMessage {
  readonly name: string;
  readonly level: AnalysisLevel;
  /** The file of `mesh/config/` that finds it; absent where it can't apply. */
  readonly foundBy?: string;
  /** Why it can't apply. */
  readonly missing?: string;
}

const found = (name: string, level: AnalysisLevel, foundBy: string): AnalysisMessage => ({ name, level, foundBy });
const none = (name: string, level: AnalysisLevel, missing: string): AnalysisMessage => ({ name, level, missing });

const injection =
  "it is about sidecars that Istio injects into pods: Periplus' agents are started by whoever runs the workload";
const installation = "it is about Istio's own installation and upgrades";
const gatewayApi = 'it is about the Gateway API, which is not read';

/** By code, in order. */
export const analysisMessages: Readonly<Record<string, AnalysisMessage>> = {
  IST0001: none('InternalError', 'Error', 'a fault of an analyzer is a fault of the command'),
  IST0002: found('Deprecated', 'Warning', 'analyze/virtual-services.ts, telemetries.ts'),
  IST0101: found('ReferencedResourceNotFound', 'Error', 'analyze/virtual-services.ts, gateways.ts, selectors.ts'),
  IST0102: none('NamespaceNotInjected', 'Info', injection),
  IST0103: none('PodMissingProxy', 'Warning', injection),
  IST0106: found('SchemaValidationError', 'Error', 'validate.ts'),
  IST0107: found('MisplacedAnnotation', 'Warning', 'analyze/annotations.ts'),
  IST0108: found('UnknownAnnotation', 'Warning', 'analyze/annotations.ts'),
  IST0109: found('ConflictingMeshGatewayVirtualServiceHosts', 'Error', 'analyze/virtual-services.ts'),
  IST0110: found('ConflictingSidecarWorkloadSelectors', 'Error', 'analyze/selectors.ts'),
  IST0111: found('MultipleSidecarsWithoutWorkloadSelectors', 'Error', 'analyze/selectors.ts'),
  IST0112: found('VirtualServiceDestinationPortSelectorRequired', 'Error', 'analyze/virtual-services.ts'),
  IST0116: found('DeploymentAssociatedToMultipleServices', 'Warning', 'analyze/deployments.ts'),
  IST0118: found('PortNameIsNotUnderNamingConvention', 'Info', 'analyze/services.ts'),
  IST0123: none('NamespaceMultipleInjectionLabels', 'Warning', injection),
  IST0125: found('InvalidAnnotation', 'Warning', 'analyze/annotation-values.ts'),
  IST0126: none(
    'UnknownMeshNetworksServiceRegistry',
    'Error',
    'names of clusters are taken as they come: a registry that is named here may be added later',
  ),
  IST0127: found('NoMatchingWorkloadsFound', 'Warning', 'analyze/selectors.ts'),
  IST0128: found('NoServerCertificateVerificationDestinationLevel', 'Warning', 'analyze/destination-rules.ts'),
  IST0129: found('NoServerCertificateVerificationPortLevel', 'Warning', 'analyze/destination-rules.ts'),
  IST0130: found('VirtualServiceUnreachableRule', 'Warning', 'validate/unreachable-rules.ts'),
  IST0131: found('VirtualServiceIneffectiveMatch', 'Info', 'validate/unreachable-rules.ts'),
  IST0132: found('VirtualServiceHostNotFoundInGateway', 'Warning', 'analyze/gateways.ts'),
  IST0133: found('SchemaWarning', 'Warning', 'validate.ts'),
  IST0134: found('ServiceEntryAddressesRequired', 'Warning', 'analyze/service-entries.ts'),
  IST0135: found('DeprecatedAnnotation', 'Info', 'analyze/annotations.ts'),
  IST0136: none('AlphaAnnotation', 'Info', 'istioctl does not report it any more'),
  IST0137: found('DeploymentConflictingPorts', 'Warning', 'analyze/deployments.ts'),
  IST0138: found('GatewayDuplicateCertificate', 'Warning', 'analyze/gateway-servers.ts'),
  IST0139: none('InvalidWebhook', 'Error', installation),
  IST0140: found('IngressRouteRulesNotAffected', 'Warning', 'analyze/virtual-services.ts'),
  IST0141: none('InsufficientPermissions', 'Error', installation),
  IST0142: none('UnsupportedKubernetesVersion', 'Error', installation),
  IST0143: none('LocalhostListener', 'Error', 'it asks each pod for its sockets'),
  IST0144: found('InvalidApplicationUID', 'Warning', 'analyze/deployments.ts'),
  IST0145: found('ConflictingGateways', 'Error', 'analyze/gateways.ts'),
  IST0146: none('ImageAutoWithoutInjectionWarning', 'Warning', injection),
  IST0147: none('ImageAutoWithoutInjectionError', 'Error', injection),
  IST0148: none('NamespaceInjectionEnabledByDefault', 'Info', injection),
  IST0149: found('JwtClaimBasedRoutingWithoutRequestAuthN', 'Error', 'analyze/claims.ts'),
  IST0150: found('ExternalNameServiceTypeInvalidPortName', 'Warning', 'analyze/services.ts'),
  IST0151: found('EnvoyFilterUsesRelativeOperation', 'Warning', 'analyze/envoy-filters.ts'),
  IST0152: found('EnvoyFilterUsesReplaceOperationIncorrectly', 'Error', 'analyze/envoy-filters.ts'),
  IST0153: found('EnvoyFilterUsesAddOperationIncorrectly', 'Error', 'analyze/envoy-filters.ts'),
  IST0154: found('EnvoyFilterUsesRemoveOperationIncorrectly', 'Error', 'analyze/envoy-filters.ts'),
  IST0155: found('EnvoyFilterUsesRelativeOperationWithProxyVersion', 'Warning', 'analyze/envoy-filters.ts'),
  IST0156: none('UnsupportedGatewayAPIVersion', 'Error', gatewayApi),
  IST0157: found('InvalidTelemetryProvider', 'Warning', 'analyze/telemetries.ts'),
  IST0158: none('PodsIstioProxyImageMismatchInNamespace', 'Warning', injection),
  IST0159: found('ConflictingTelemetryWorkloadSelectors', 'Error', 'analyze/selectors.ts'),
  IST0160: found('MultipleTelemetriesWithoutWorkloadSelectors', 'Error', 'analyze/selectors.ts'),
  IST0161: found('InvalidGatewayCredential', 'Error', 'analyze/gateway-servers.ts'),
  IST0162: found('GatewayPortNotDefinedOnService', 'Warning', 'analyze/gateway-servers.ts'),
  IST0163: none('InvalidExternalControlPlaneConfig', 'Warning', installation),
  IST0164: none('ExternalControlPlaneAddressIsNotAHostname', 'Info', installation),
  IST0165: none('ReferencedInternalGateway', 'Warning', 'names of such Gateways are refused (IST0106)'),
  IST0166: none('IneffectiveSelector', 'Warning', gatewayApi),
  IST0167: none('IneffectivePolicy', 'Warning', 'there is no ambient mode'),
  IST0168: none('UnknownUpgradeCompatibility', 'Warning', installation),
  IST0169: none('UpdateIncompatibility', 'Warning', installation),
  IST0170: none(
    'MultiClusterInconsistentService',
    'Warning',
    "a service's clusters are merged when they are read, and what differs is said there",
  ),
  IST0171: none('NegativeConditionStatus', 'Warning', "conditions are Periplus' own output"),
  IST0172: none('FutureUnsupportedGatewayAPIVersion', 'Warning', gatewayApi),
  IST0173: found('DestinationRuleSubsetNotSelectPods', 'Error', 'analyze/destination-rules.ts'),
  IST0174: found('UnknownDestinationRuleHost', 'Warning', 'analyze/destination-rules.ts'),
  IST0175: none('JwksUriFetchUnrestricted', 'Warning', installation),
  IST0176: none('GatewayAPICRDVersionBelowMinimum', 'Warning', gatewayApi),
  IST0177: found('ConflictingServiceEntryProtocol', 'Warning', 'analyze/service-entries.ts'),
};

/** The level of a finding: its code's, if it has one; what refuses a resource is always an error. */
export function levelOf({ code, severity }: { readonly code?: string; readonly severity: string }): AnalysisLevel {
  if (severity === 'error') return 'Error';
  return (code === undefined ? undefined : analysisMessages[code]?.level) ?? 'Warning';
}
