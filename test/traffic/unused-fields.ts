// Fields that Istio itself does not carry out, each with what its documentation says: no case can prove what nothing does.

/** The levels at which a DestinationRule takes a policy, and MeshConfig's default. */
const policies = [
  'DestinationRule.trafficPolicy',
  'DestinationRule.trafficPolicy.portLevelSettings',
  'DestinationRule.subsets.trafficPolicy',
  'DestinationRule.subsets.trafficPolicy.portLevelSettings',
  'MeshConfig.defaultTrafficPolicy',
];
const waypoint = 'for waypoints of ambient mode, which are not built';

/** Reasons by path. A field that is here is read, validated and kept, and changes nothing. */
export const unusedFields: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    policies.map((path) => [
      `${path}.outlierDetection.consecutiveErrors`,
      'deprecated, and read by Istio no more: consecutive5xxErrors and consecutiveGatewayErrors took its place',
    ]),
  ),
  'Gateway.servers.tls.tlsCertificates.caCertificates': 'Istio takes caCertificates of the server alone',
  'Sidecar.ingress.tls.tlsCertificates.serverCertificate': 'rejected: Istio has one certificate at a sidecar',
  'Sidecar.ingress.tls.tlsCertificates.privateKey': 'rejected, as serverCertificate',
  'Sidecar.ingress.tls.tlsCertificates.caCertificates': 'rejected, as serverCertificate',
  'Sidecar.ingress.tls.subjectAltNames':
    'rejected: Istio does not check clients’ names there; AuthorizationPolicies do',
  'Sidecar.ingress.tls.httpsRedirect': 'rejected: Istio has no redirects at sidecars',
  'Sidecar.ingress.tls.credentialName': 'rejected: Istio serves sidecars no credentials for what comes in',
  'Sidecar.ingress.tls.credentialNames': 'rejected, as credentialName',
  'Sidecar.ingress.tls.caCertCredentialName': 'rejected, as credentialName',
  'Sidecar.ingress.connectionPool.http.h2UpgradePolicy':
    'Istio upgrades on the way out only; in goes the port’s protocol',
  'Sidecar.inboundConnectionPool.http.h2UpgradePolicy': 'Istio upgrades on the way out only',
  'MeshConfig.extensionProviders.envoyExtAuthzHttp.includeRequestBodyInCheck.packAsBytes':
    'Envoy packs bodies of gRPC checks only',
  'MeshConfig.extensionProviders.opentelemetry.grpc.timeout':
    'Envoy 1.40 gives its gRPC exporter of spans no timeout: calls come without grpc-timeout, whatever the grpc_service says',
  'MeshConfig.extensionProviders.zipkin.timeout':
    'Envoy 1.40 gives Zipkin’s receivers five seconds (runtime tracing.zipkin.request_timeout), whatever the collector_service says',
  'MeshConfig.extensionProviders.skywalking.accessToken': 'Istio’s control plane does not read it',
  'WorkloadGroup.template.address': 'each workload has the address that its proxy connects with',
  'WorkloadGroup.metadata.annotations': 'annotations of the WorkloadEntries, for people and other programs',
  'EnvoyFilter.configPatches.patch.filterClass': 'Istio’s control plane does not read it',
  'EnvoyFilter.targetRefs.namespace': 'rejected, as by Istio: no targets in other namespaces',
  'EnvoyFilter.configPatches.match.listener.portName': 'Istio’s control plane does not read it',
  'EnvoyFilter.configPatches.match.waypoint.portNumber': waypoint,
  'EnvoyFilter.configPatches.match.waypoint.route.name': waypoint,
  'EnvoyFilter.configPatches.match.waypoint.filter.name': waypoint,
  'EnvoyFilter.configPatches.match.waypoint.filter.subFilter.name': waypoint,
  'VirtualService.http.name': 'a name for people',
  'VirtualService.http.match.name': 'a name for people',
  'VirtualService.http.fault.delay.exponentialDelay': 'hidden and not implemented in Istio',
  'VirtualService.http.fault.abort.http2Error': 'hidden and not implemented in Istio',
  'VirtualService.tcp.match.sourceSubnet': 'hidden and not implemented in Istio',
  'Gateway.servers.port.targetPort': 'rejected, as by Istio: the gateway’s own Service decides',
  'Gateway.servers.defaultEndpoint': 'not used by Istio (hidden)',
  'Sidecar.egress.port.targetPort': 'rejected, as by Istio',
  'Sidecar.ingress.port.targetPort': 'rejected, as by Istio; defaultEndpoint says where the application is',
  'MeshConfig.outboundTrafficPolicy.tls.credentialName':
    'sidecars fetch credentials only where a DestinationRule selects them, as in Istio; they go on with files',
  'MeshConfig.meshMTLS.ecdhCurves': 'rejected, as by Istio: the mesh’s TLS has Envoy’s curves',
  'ProxyConfig.image.imageType': 'read by Istio’s sidecar injector; agents here run the Envoy they have',
};
