// What one proxy can see of the mesh: the Sidecar resource that applies, visible services and VirtualServices, its own instances.
import type { ConfigResource, Service } from '../../../events/model.ts';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { IstioEgressListener, IstioIngressListener, SidecarSpec } from '../../../mesh/config/schemas/sidecar.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { ServiceInstance, Snapshot } from '../../../mesh/snapshot.ts';
import type { ProxyContext } from './proxy-context.ts';

/** One egress listener of the Sidecar that applies, or the single one that stands for "everything visible". */
export interface EgressScope {
  /** Undefined for the default listener: every port of `services` gets its listener. */
  readonly listener: IstioEgressListener | undefined;
  /** Visible here, ordered by creation time, then by key, as Istio orders them. */
  readonly services: readonly Service[];
  /** VirtualServices visible here (not those bound to gateways only), in Istio's order. */
  readonly virtualServices: readonly ConfigResource<VirtualServiceSpec>[];
}

/** See the file's first line. For a router (gateway) `egress` has one scope with everything its namespace sees. */
export interface ProxyScope {
  readonly snapshot: Snapshot;
  readonly context: ProxyContext;
  readonly sidecar: ConfigResource<SidecarSpec> | undefined;
  readonly egress: readonly EgressScope[];
  /** The Sidecar's ingress listeners; undefined: derive inbound listeners from `instances`. */
  readonly ingress: readonly IstioIngressListener[] | undefined;
  readonly outboundTrafficPolicy: MeshConfig['outboundTrafficPolicy'];
  /** Service instances at the proxy's addresses: what it serves itself. */
  readonly instances: readonly ServiceInstance[];
}
