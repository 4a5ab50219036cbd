// Headers that a connection manager adds, keeps and takes away, as Istio's ProxyConfig.proxyHeaders and gatewayTopology say.
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_ServerHeaderTransformation,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ProxyHeaders } from '../../../../mesh/config/schemas/proxy-traffic.ts';
import type { ListenerClass } from './connection-manager.ts';

/** Settings of a connection manager; Istio's defaults where the mesh sets none. */
export function headerOptions(listenerClass: ListenerClass, mesh: MeshConfig) {
  const { proxyHeaders: headers = {} } = mesh;
  return {
    ...serverHeader(listenerClass, headers.server),
    ...(headers.requestId?.disabled ? { generateRequestId: false } : {}),
    ...(headers.xForwardedPort?.enabled ? { appendXForwardedPort: true } : {}),
    ...(listenerClass === 'sidecar-outbound' ? {} : clientCertificate(listenerClass, mesh)),
    ...(listenerClass === 'gateway' ? { xffNumTrustedHops: mesh.gatewayTopology?.numTrustedProxies ?? 0 } : {}),
  };
}

/** Whether the router keeps its `x-envoy-*` headers to itself. */
export function suppressesDebugHeaders({ proxyHeaders }: MeshConfig): boolean {
  return proxyHeaders?.envoyDebugHeaders?.disabled === true;
}

/** Outbound it is Envoy's own name, `envoy`: so it has always been in Istio. */
function serverHeader(listenerClass: ListenerClass, server: ProxyHeaders['server']) {
  if (server?.disabled)
    return { serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH };
  if (server?.value) return { serverName: server.value };
  return listenerClass === 'sidecar-outbound' ? {} : { serverName: 'istio-envoy' };
}

const details = HttpConnectionManager_ForwardClientCertDetails;

function clientCertificate(listenerClass: Exclude<ListenerClass, 'sidecar-outbound'>, mesh: MeshConfig) {
  const isGateway = listenerClass === 'gateway';
  // Gateways have a setting of their own, in their topology.
  const asked = isGateway ? mesh.gatewayTopology?.forwardClientCertDetails : mesh.proxyHeaders?.forwardedClientCert;
  const otherwise = isGateway ? details.SANITIZE_SET : details.APPEND_FORWARD;
  const forwardClientCertDetails = asked === undefined || asked === 'UNDEFINED' ? otherwise : details[asked];
  // Envoy sets nothing in the other modes.
  const sets = forwardClientCertDetails === details.APPEND_FORWARD || forwardClientCertDetails === details.SANITIZE_SET;
  if (isGateway)
    return {
      forwardClientCertDetails,
      ...(sets ? { setCurrentClientCertDetails: { subject: true, cert: true, uri: true, dns: true } } : {}),
    };
  const {
    subject = true,
    uri = true,
    dns = true,
    cert = false,
    chain = false,
  } = mesh.proxyHeaders?.setCurrentClientCertDetails ?? {};
  return { forwardClientCertDetails, setCurrentClientCertDetails: { subject, uri, dns, cert, chain } };
}
