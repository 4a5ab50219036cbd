// Which kinds exist, under which API versions, with which schema.
import { authorizationPolicySchema } from './authorization-policy.ts';
import { destinationRuleSchema } from './destination-rule.ts';
import { envoyFilterSchema } from './envoy-filter.ts';
import { gatewaySchema } from './gateway.ts';
import {
  configMapSchema,
  deploymentSchema,
  endpointSliceSchema,
  endpointsSchema,
  namespaceSchema,
  nodeSchema,
  podSchema,
  secretSchema,
  serviceSchema,
} from './kubernetes.ts';
import { unsupportedAdapters } from './mixer-adapters.ts';
import { mixerKinds } from './mixer-kinds.ts';
import { peerAuthenticationSchema } from './peer-authentication.ts';
import { proxyConfigSchema } from './proxy-config.ts';
import { requestAuthenticationSchema } from './request-authentication.ts';
import type { ObjectSchema, Schema } from './schema.ts';
import { serviceEntrySchema } from './service-entry.ts';
import { sidecarSchema } from './sidecar.ts';
import { serviceLevelObjectiveSchema } from './slo.ts';
import { telemetrySchema } from './telemetry.ts';
import { virtualServiceSchema } from './virtual-service.ts';
import { wasmPluginSchema } from './wasm-plugin.ts';
import { workloadEntrySchema } from './workload-entry.ts';
import { workloadGroupSchema } from './workload-group.ts';

/** A kind of object. */
export interface Kind {
  readonly kind: string;
  /** Newest first: the first is what is printed in messages. */
  readonly apiVersions: readonly string[];
  /** `config`: the schema of `spec`, kept in the config store. `kubernetes`: of the whole object, read by adapters. */
  readonly type: 'config' | 'kubernetes';
  readonly schema: Schema;
  readonly clusterScoped: boolean;
}

const networking = ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'];
const security = ['security.istio.io/v1', 'security.istio.io/v1beta1'];

function config(kind: string, apiVersions: readonly string[], schema: Schema): [string, Kind] {
  return [kind, { kind, apiVersions, type: 'config', schema, clusterScoped: false }];
}
function kubernetes(kind: string, apiVersion: string, schema: ObjectSchema, clusterScoped = false): [string, Kind] {
  return [kind, { kind, apiVersions: [apiVersion], type: 'kubernetes', schema, clusterScoped }];
}

/** By kind. API versions are those that Istio's CRDs serve. */
export const kinds: ReadonlyMap<string, Kind> = new Map([
  config('VirtualService', networking, virtualServiceSchema),
  config('DestinationRule', networking, destinationRuleSchema),
  config('Gateway', networking, gatewaySchema),
  config('ServiceEntry', networking, serviceEntrySchema),
  config('WorkloadEntry', networking, workloadEntrySchema),
  config('WorkloadGroup', networking, workloadGroupSchema),
  config('Sidecar', networking, sidecarSchema),
  config('EnvoyFilter', ['networking.istio.io/v1alpha3'], envoyFilterSchema),
  config('ProxyConfig', ['networking.istio.io/v1beta1'], proxyConfigSchema),
  config('PeerAuthentication', security, peerAuthenticationSchema),
  config('RequestAuthentication', security, requestAuthenticationSchema),
  config('AuthorizationPolicy', security, authorizationPolicySchema),
  ...mixerKinds.map(([kind, apiVersion, schema]) => config(kind, [apiVersion], schema)),
  config('Telemetry', ['telemetry.istio.io/v1', 'telemetry.istio.io/v1alpha1'], telemetrySchema),
  config('WasmPlugin', ['extensions.istio.io/v1alpha1'], wasmPluginSchema),
  config('ServiceLevelObjective', ['slo.periplus.io/v1'], serviceLevelObjectiveSchema),
  kubernetes('Service', 'v1', serviceSchema),
  kubernetes('Endpoints', 'v1', endpointsSchema),
  kubernetes('EndpointSlice', 'discovery.k8s.io/v1', endpointSliceSchema),
  kubernetes('Pod', 'v1', podSchema),
  kubernetes('Namespace', 'v1', namespaceSchema, true),
  kubernetes('Node', 'v1', nodeSchema, true),
  kubernetes('ConfigMap', 'v1', configMapSchema),
  kubernetes('Secret', 'v1', secretSchema),
]);

/** Kinds that say nothing of a mesh but are analyzed beside it. */
export const analyzedKinds: ReadonlyMap<string, Kind> = new Map([
  kubernetes('Deployment', 'apps/v1', deploymentSchema),
]);

/** Kinds of Istio's that Periplus does not act on: refused with a word of why, not as a typing error. */
export const unsupportedKinds: ReadonlyMap<string, string> = new Map([
  ['TrafficExtension', 'extensions.istio.io'],
  ['IstioOperator', 'install.istio.io'],
  ['adapter', "Mixer's adapters out of process: name an npm module in a handler (docs/handlers/module.md)"],
  ['template', "templates of one's own: use metric, logentry or authorization"],
  ...['HTTPAPISpec', 'HTTPAPISpecBinding'].map(
    (kind) =>
      [
        kind,
        `${kind}: request.api_key is the header x-api-key or the query's key or api_key, api.operation a gRPC method`,
      ] as const,
  ),
  ...[...unsupportedAdapters].map(([name, instead]) => [name, `the adapter ${name}: ${instead}`] as const),
]);
