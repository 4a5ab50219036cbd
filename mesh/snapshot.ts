// An immutable view of the mesh at one position of the facts log, which says what changed since the one before.
import type { ConfigKey, ConfigResource, Endpoint, Service, ServiceKey, Workload } from '../events/model.ts';
import type { Bans } from './bans.ts';
import type { MeshConfig } from './config/mesh-config.ts';
import type { Credential } from './credentials.ts';
import type { GatewayDrains } from './gateway-drains.ts';
import type { KeySet } from './key-sets.ts';
import type { TrustBundles } from './trust-bundles.ts';

/** A service together with the endpoint of it that has a given address. */
export interface ServiceInstance {
  readonly service: Service;
  readonly endpoint: Endpoint;
}

/** Services and endpoints as of the snapshot, those from ServiceEntry and WorkloadEntry included. Unchanged objects keep their identity from snapshot to snapshot. */
export interface RegistryView {
  /** By `serviceKey`; iteration is in key order. */
  readonly services: ReadonlyMap<ServiceKey, Service>;
  /** All services of a hostname, oldest first. */
  servicesOf(hostname: string): readonly Service[];
  /** A service's endpoints, every health, ordered by (address, id); the same array while none of them changes. */
  endpoints(key: ServiceKey): readonly Endpoint[];
  /** The service instances at an IP address: what a proxy with that address serves. Ordered by service key. */
  instancesAt(address: string): readonly ServiceInstance[];
  /** By `PLATFORM/NAMESPACE/NAME`. */
  readonly workloads: ReadonlyMap<string, Workload>;
}

/** Configuration as of the snapshot. */
export interface ConfigView {
  /** Resources of a kind ordered as Istio orders them: createdAt, then namespace, then name. The same array while none of the kind changes. */
  list<Spec = unknown>(kind: string): readonly ConfigResource<Spec>[];
  get<Spec = unknown>(kind: string, namespace: string, name: string): ConfigResource<Spec> | undefined;
}

/** What is different from the previous snapshot of the same lineage; `all` when there is none. */
export type Changes =
  | 'all'
  | {
      /** Position of the previous snapshot. */
      readonly since: number;
      /** Services whose own data changed, appeared or went. */
      readonly services: ReadonlySet<ServiceKey>;
      /** Services whose endpoint lists changed. */
      readonly endpoints: ReadonlySet<ServiceKey>;
      readonly config: ReadonlySet<ConfigKey>;
    };

/** See the file's first line. */
export interface Snapshot {
  readonly position: number;
  /** Time of the event at `position`; '' for an empty log. */
  readonly time: string;
  readonly registry: RegistryView;
  readonly config: ConfigView;
  readonly mesh: MeshConfig;
  /** Fetched key sets by URI, in its order; the same map while none of them changes. */
  readonly keySets: ReadonlyMap<string, KeySet>;
  /** What is known of credentials, by `NAMESPACE/NAME`; the same map while none of them changes. */
  readonly credentials: ReadonlyMap<string, Credential>;
  /** Banned identities; the same map while none of them changes. */
  readonly bans: Bans;
  /** Authorities of this mesh and of those it is federated with; the same object while none of them changes. */
  readonly trustBundles: TrustBundles;
  /** Hosts that left HTTPS servers to which clients still have connections; the same map while none of them changes. */
  readonly gatewayDrains: GatewayDrains;
  readonly changed: Changes;
}
