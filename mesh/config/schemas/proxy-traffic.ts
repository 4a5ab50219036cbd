// The parts of ProxyConfig (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig) that shape what proxies do with requests.
import { flag, object, oneOfNames, openObject, type Static, text, uint32 } from './schema.ts';

const forwardClientCertDetails = oneOfNames(
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
);
const topologyFields = { numTrustedProxies: uint32, forwardClientCertDetails, proxyProtocol: object({}) } as const;
const gatewayTopology = object(topologyFields);
/** Schema of a proxy's own word on it: newer agents may say more. */
export const nodeTopologySchema = openObject(topologyFields);
const proxyHeaders = openObject({
  forwardedClientCert: forwardClientCertDetails,
  setCurrentClientCertDetails: object({ subject: flag, cert: flag, chain: flag, dns: flag, uri: flag }),
  requestId: object({ disabled: flag }),
  server: object({ disabled: flag, value: text }),
  envoyDebugHeaders: object({ disabled: flag }),
  xForwardedPort: object({ enabled: flag }),
});
/** Schema of the mesh's `defaultConfig`: the rest is for the agent that starts a proxy. */
export const defaultConfigSchema = openObject({ gatewayTopology, proxyHeaders });

/** What stands between clients and the mesh's gateways. */
export interface GatewayTopology extends Static<typeof gatewayTopology> {}
/** Headers that proxies add, keep and take away. */
export interface ProxyHeaders extends Static<typeof proxyHeaders> {}
