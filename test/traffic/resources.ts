// Short forms of the resources that cases apply, typed by the schemas.
import type { AuthorizationPolicySpec } from '../../mesh/config/schemas/authorization-policy.ts';
import type { DestinationRuleSpec } from '../../mesh/config/schemas/destination-rule.ts';
import type { EnvoyFilterSpec } from '../../mesh/config/schemas/envoy-filter.ts';
import type { GatewaySpec } from '../../mesh/config/schemas/gateway.ts';
import type { MeshConfigSpec } from '../../mesh/config/schemas/mesh-config.ts';
import type { ProxyConfigSpec } from '../../mesh/config/schemas/proxy-config.ts';
import type { ServiceEntrySpec } from '../../mesh/config/schemas/service-entry.ts';
import type { SidecarSpec } from '../../mesh/config/schemas/sidecar.ts';
import type { TelemetrySpec } from '../../mesh/config/schemas/telemetry.ts';
import type { VirtualServiceSpec } from '../../mesh/config/schemas/virtual-service.ts';
import type { WorkloadEntrySpec } from '../../mesh/config/schemas/workload-entry.ts';
import type { WorkloadGroupSpec } from '../../mesh/config/schemas/workload-group.ts';

/** A resource as a user writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

type More = Partial<Manifest['metadata']>;

function networking<Spec>(kind: string) {
  return (name: string, spec: Spec, more: More = {}): Manifest => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace: 'default', ...more },
    spec,
  });
}

/** A VirtualService in `default` unless `more` says otherwise. */
export const virtualService = networking<VirtualServiceSpec>('VirtualService');
/** A DestinationRule. */
export const destinationRule = networking<DestinationRuleSpec>('DestinationRule');
/** A Gateway. */
export const gateway = networking<GatewaySpec>('Gateway');
/** A ServiceEntry. */
export const serviceEntry = networking<ServiceEntrySpec>('ServiceEntry');
/** A WorkloadEntry. */
export const workloadEntry = networking<WorkloadEntrySpec>('WorkloadEntry');
/** A WorkloadGroup. */
export const workloadGroup = networking<WorkloadGroupSpec>('WorkloadGroup');
/** A ProxyConfig. */
export const proxyConfig = (name: string, spec: ProxyConfigSpec, more: More = {}): Manifest => ({
  ...networking<ProxyConfigSpec>('ProxyConfig')(name, spec, more),
  apiVersion: 'networking.istio.io/v1beta1',
});
/** A Sidecar. */
export const sidecar = networking<SidecarSpec>('Sidecar');

/** An EnvoyFilter. */
export const envoyFilter = (name: string, spec: EnvoyFilterSpec, more: More = {}): Manifest => ({
  ...networking<EnvoyFilterSpec>('EnvoyFilter')(name, spec, more),
  apiVersion: 'networking.istio.io/v1alpha3',
});

/** An AuthorizationPolicy. */
export const authorizationPolicy = (name: string, spec: AuthorizationPolicySpec, more: More = {}): Manifest => ({
  ...networking<AuthorizationPolicySpec>('AuthorizationPolicy')(name, spec, more),
  apiVersion: 'security.istio.io/v1',
});

/** A Telemetry. */
export const telemetry = (name: string, spec: TelemetrySpec, more: More = {}): Manifest => ({
  ...networking<TelemetrySpec>('Telemetry')(name, spec, more),
  apiVersion: 'telemetry.istio.io/v1',
});

/** The mesh configuration, in the ConfigMap where Istio's users write it. */
export function meshConfig(spec: MeshConfigSpec): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: JSON.stringify(spec) },
  };
}

/** Labels of the gateway proxy that every Gateway of the cases selects. */
export const gatewaySelector = { istio: 'ingressgateway' };
