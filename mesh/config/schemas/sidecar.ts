// Sidecar (istio.io/latest/docs/reference/config/networking/sidecar): schema and types.
import { destinationSchema, workloadSelectorSchema } from './destination.ts';
import { connectionPoolSchema } from './destination-rule.ts';
import { serverTlsSchema } from './gateway.ts';
import { list, object, oneOfNames, required, type Static, text, uint32 } from './schema.ts';

const sidecarPort = object({ number: uint32, protocol: text, name: text, targetPort: uint32 });
const captureMode = oneOfNames('DEFAULT', 'IPTABLES', 'NONE');
const ingressListener = object({
  port: required(sidecarPort),
  bind: text,
  captureMode,
  defaultEndpoint: text,
  tls: serverTlsSchema,
  connectionPool: connectionPoolSchema,
});
const egressListener = object({ port: sidecarPort, bind: text, captureMode, hosts: required(list(text)) });
const outboundTrafficPolicy = object({
  mode: oneOfNames('REGISTRY_ONLY', 'ALLOW_ANY'),
  egressProxy: destinationSchema,
});
/** Schema of a Sidecar's spec. */
export const sidecarSchema = object({
  workloadSelector: workloadSelectorSchema,
  ingress: list(ingressListener),
  egress: list(egressListener),
  inboundConnectionPool: connectionPoolSchema,
  outboundTrafficPolicy,
});

/** What a workload's sidecar accepts and what it can reach. */
export interface SidecarSpec extends Static<typeof sidecarSchema> {}
/** An inbound listener. */
export interface IstioIngressListener extends Static<typeof ingressListener> {}
/** An outbound listener and the hosts (`NAMESPACE/HOST`) it knows. */
export interface IstioEgressListener extends Static<typeof egressListener> {}
/** What happens to traffic for unknown destinations; absent mode means REGISTRY_ONLY (protobuf's zero). */
export interface OutboundTrafficPolicy extends Static<typeof outboundTrafficPolicy> {}
/** A listener's port. */
export interface SidecarPort extends Static<typeof sidecarPort> {}
