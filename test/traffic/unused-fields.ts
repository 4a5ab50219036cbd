// Fields that Istio itself does not carry out, each with what its documentation says: no case can prove what nothing does.

/** Reasons by path. A field that is here is read, validated and kept, and changes nothing. */
export const unusedFields: Readonly<Record<string, string>> = {
  'VirtualService.http.name': 'a name for people',
  'VirtualService.http.match.name': 'a name for people',
  'VirtualService.http.fault.delay.exponentialDelay': 'hidden and not implemented in Istio',
  'VirtualService.http.fault.abort.http2Error': 'hidden and not implemented in Istio',
  'VirtualService.tcp.match.sourceSubnet': 'hidden and not implemented in Istio',
  'Gateway.servers.port.targetPort': 'not used by Istio; the gateway’s own Service decides (deprecated)',
  'Gateway.servers.defaultEndpoint': 'not used by Istio (hidden)',
  'Gateway.servers.name': 'a name for statistics',
  'Sidecar.egress.port.targetPort': 'not used by Istio',
  'Sidecar.ingress.port.targetPort': 'not used by Istio; defaultEndpoint says where the application is',
  'ProxyConfig.image.imageType': 'read by Istio’s sidecar injector; agents here run the Envoy they have',
};
