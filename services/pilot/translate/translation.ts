// What translation gives: per xDS type a set of encoded resources, each encoded once per content and shared by all who need it.

import { agentSettingsTypeUrl } from '../../../mesh/agent-settings.ts';
import { proxyConfigTypeUrl } from '../../../mesh/deliveries.ts';

/** Type URLs of the xDS resources that Pilot serves (envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types). */
export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  /** Istio's PCDS: agents, not Envoys, are told the trust bundle by it. */
  proxyConfig: proxyConfigTypeUrl,
  /** Agents, not Envoys, are told by it how to start their proxy, and what probes its workload. */
  agentSettings: agentSettingsTypeUrl,
} as const;

/** One of `typeUrls`. */
export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/** One resource with its bytes in the forms that responses splice in. Immutable; compared by identity first, then by `version`. */
export interface EncodedResource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  /** Content hash: first 16 hex digits of SHA-256 over the resource's bytes. */
  readonly version: string;
  /** The resource message itself. */
  readonly bytes: Uint8Array;
  /** Whole field record (tag, length, value) of `DiscoveryResponse.resources`: an Any. */
  readonly sotwRecord: Uint8Array;
  /** Whole field record of `DeltaDiscoveryResponse.resources`: a Resource with name, version and Any. */
  readonly deltaRecord: Uint8Array;
}

/** The resources of one type that a context may see, and how they differ from an earlier set. */
export interface ResourceSet {
  /** Equal for equal contents, whatever the order: for SotW's version_info. */
  readonly version: string;
  readonly size: number;
  get(name: string): EncodedResource | undefined;
  /** In name order. */
  names(): readonly string[];
  /**
   * What a holder of `previous` must be sent to hold this. Cost follows the change where the sets are of one lineage, and is a
   * full comparison otherwise.
   */
  changesSince(previous: ResourceSet): ResourceChanges;
  /** Names that are known not to exist, where missing ones may otherwise only be late (secrets). */
  readonly absent?: ReadonlySet<string>;
}

/** Updated resources and names that no longer exist, each in name order. */
export interface ResourceChanges {
  readonly updated: readonly EncodedResource[];
  readonly removed: readonly string[];
}

/** Everything a proxy context may be sent as of one position. Types it does not know have empty sets. */
export interface Translation {
  /** Facts position it was translated from. */
  readonly position: number;
  resources(typeUrl: TypeUrl): ResourceSet;
  /** Credentials that secrets are made of, as `NAMESPACE/NAME`, whether or not they are known yet. */
  readonly credentials: readonly string[];
  /** What translation had to leave out, for people: `VirtualService/default/x: …`. */
  readonly warnings: readonly string[];
}
