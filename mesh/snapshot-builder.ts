// Folds the facts log and freezes snapshots of it: what a snapshot costs follows what changed since the one before.
import type { RecordedEvent } from '../events/envelope.ts';
import type { ConfigKey, ConfigResource, Endpoint, Health, Service, ServiceKey, Workload } from '../events/model.ts';
import { configKey } from '../events/model.ts';
import { compareStrings } from './compare.ts';
import { defaultMeshConfig, isMeshConfig, type MeshConfig, meshConfigKey, meshConfigOf } from './config/mesh-config.ts';
import { withServiceGateways } from './config/mesh-networks.ts';
import { type ConfigMaps, changeConfig, viewOf as configView, emptyConfig } from './config-view.ts';
import { type MeshState, meshProjection } from './mesh-state.ts';
import { endpointsOf, serviceOf } from './registry.ts';
import {
  changeRegistry,
  emptyRegistry,
  orderEndpoints,
  type RegistryMaps,
  viewOf as registryView,
} from './registry-view.ts';
import type { ServiceEntry, WorkloadEntry } from './service-entry.ts';
import { ServiceEntryIndex } from './service-entry-index.ts';
import type { Snapshot } from './snapshot.ts';

/** One lineage of snapshots. Feed it every event of the facts log in order; take a snapshot whenever one is wanted. */
export class SnapshotBuilder {
  readonly #state: MeshState = meshProjection.init();
  readonly #index = new ServiceEntryIndex();
  readonly #meshBase: MeshConfig;
  #mesh: MeshConfig;
  /** Services that may be gateways of networks, and the mesh configuration that has those gateways. */
  #reachable: ReadonlyMap<ServiceKey, Service> = new Map();
  #meshWithGateways: MeshConfig;
  readonly #overridden = new WeakMap<Endpoint, Endpoint>();
  #registry: RegistryMaps = emptyRegistry();
  #config: ConfigMaps = emptyConfig();
  #last: Snapshot | undefined;

  /** `mesh`: what holds where the MeshConfig resource says nothing; Istio's defaults by default. */
  constructor(options: { readonly mesh?: MeshConfig } = {}) {
    this.#meshBase = options.mesh ?? defaultMeshConfig;
    this.#mesh = this.#meshBase;
    this.#meshWithGateways = this.#meshBase;
  }

  /** Position of the last event folded; 0 before the first. */
  get position(): number {
    return this.#state.position;
  }

  /** Folds one event. */
  apply(event: RecordedEvent): void {
    meshProjection.evolve(this.#state, event);
  }

  /** Folds `events` in order. */
  applyAll(events: Iterable<RecordedEvent>): this {
    for (const event of events) this.apply(event);
    return this;
  }

  /** The mesh as of the last event folded. The same snapshot as before when no event came in between. */
  snapshot(): Snapshot {
    const since = this.#last;
    if (since?.position === this.#state.position && since.time === this.#state.time) return since;
    const meshBefore = this.#mesh;
    const reachableBefore = this.#reachable;
    const config = this.#takeConfig();
    const registry = this.#takeRegistry(config);
    if (this.#mesh !== meshBefore || this.#reachable !== reachableBefore) this.#takeGateways(this.#mesh !== meshBefore);
    const { position, time } = this.#state;
    this.#last = {
      position,
      time,
      registry: since && !registry.differs ? since.registry : registryView(this.#registry),
      config: since && config.size === 0 ? since.config : configView(this.#config),
      mesh: this.#meshWithGateways,
      keySets: this.#state.keySets.view,
      bans: this.#state.bans.view,
      trustBundles: this.#state.trust.view,
      gatewayDrains: this.#state.gatewayDrains.view,
      credentials: this.#state.credentials.view,
      changed: since
        ? {
            since: since.position,
            services: registry.services,
            endpoints: registry.endpoints,
            config: new Set(config.keys()),
          }
        : 'all',
    };
    return this.#last;
  }

  /** Brings the frozen configuration up to date; returns what each changed resource was before. */
  #takeConfig(): ReadonlyMap<ConfigKey, ConfigResource | undefined> {
    const { resources, touched } = this.#state.config;
    const before = new Map<ConfigKey, ConfigResource | undefined>();
    const changes = new Map<ConfigKey, ConfigResource | undefined>();
    for (const key of touched) {
      const old = this.#config.resources.get(key);
      const now = resources.get(key)?.value;
      if (old === now) continue;
      before.set(key, old);
      changes.set(key, now);
    }
    touched.clear();
    this.#config = changeConfig(this.#config, changes);
    const mesh = configKey(meshConfigKey);
    if (changes.has(mesh)) this.#mesh = this.#meshConfigFrom(changes.get(mesh));
    return before;
  }

  #meshConfigFrom(resource: ConfigResource | undefined): MeshConfig {
    return resource && isMeshConfig(resource) ? meshConfigOf(resource.spec, this.#meshBase) : this.#meshBase;
  }

  #takeRegistry(config: ReadonlyMap<ConfigKey, ConfigResource | undefined>) {
    const { touched } = this.#state.registry;
    const stale = new Set<ServiceKey>(touched.services);
    const workloads = this.#takeWorkloads(touched.workloads, stale);
    this.#indexConfig(config, stale);
    for (const key of touched.services)
      this.#index.replaceService(key, namespaceOf(key), serviceOf(this.#state.registry, key));
    for (const report of touched.reports) this.#addServicesAt(report, stale);
    const services = this.#changedServices(stale);
    for (const key of touched.endpoints) stale.add(key);
    const endpoints = this.#changedEndpoints(stale);
    for (const set of Object.values(touched)) set.clear();
    const differs = services.size + endpoints.size + workloads.size > 0;
    if (differs) this.#registry = changeRegistry(this.#registry, { services, endpoints, workloads });
    this.#takeReachable(services);
    return { differs, services: new Set(services.keys()), endpoints: new Set(endpoints.keys()) };
  }

  #takeReachable(services: ReadonlyMap<ServiceKey, Service | undefined>): void {
    const touched = [...services].filter(([key, now]) => now?.externalAddresses || this.#reachable.has(key));
    if (touched.length === 0) return;
    const next = new Map(this.#reachable);
    for (const [key, now] of touched) {
      if (now?.externalAddresses) next.set(key, now);
      else next.delete(key);
    }
    this.#reachable = new Map([...next].sort(([a], [b]) => compareStrings(a, b)));
  }

  /** The same object as before while the gateways are: all that proxies get hangs on it. */
  #takeGateways(isMeshNew: boolean): void {
    const networks = withServiceGateways(this.#mesh.networks, this.#reachable.values());
    if (!isMeshNew && JSON.stringify(networks) === JSON.stringify(this.#meshWithGateways.networks)) return;
    this.#meshWithGateways =
      networks === this.#mesh.networks ? this.#mesh : { ...this.#mesh, ...(networks && { networks }) };
  }

  #takeWorkloads(touched: ReadonlySet<string>, stale: Set<ServiceKey>): Map<string, Workload | undefined> {
    const changes = new Map<string, Workload | undefined>();
    for (const key of touched) {
      const old = this.#registry.workloads.get(key);
      const now = this.#state.registry.workloads.get(key)?.value;
      if (old === now) continue;
      changes.set(key, now);
      this.#index.replaceWorkload(key, old, now, stale);
    }
    return changes;
  }

  #indexConfig(config: ReadonlyMap<ConfigKey, ConfigResource | undefined>, stale: Set<ServiceKey>): void {
    for (const [key, old] of config) {
      const now = this.#config.resources.get(key);
      if (key.startsWith('WorkloadEntry/')) {
        this.#index.replaceWorkloadEntry(
          key,
          old as WorkloadEntry | undefined,
          now as WorkloadEntry | undefined,
          stale,
        );
      } else if (key.startsWith('ServiceEntry/')) {
        this.#index.replaceServiceEntry(key, old as ServiceEntry | undefined, now as ServiceEntry | undefined, stale);
      }
    }
  }

  #addServicesAt(report: string, stale: Set<ServiceKey>): void {
    const namespace = namespaceOf(report);
    for (const { service } of this.#registry.instances.get(report.slice(namespace.length + 1)) ?? []) {
      if (service.namespace === namespace) stale.add(`${namespace}/${service.hostname}`);
    }
  }

  #changedServices(stale: ReadonlySet<ServiceKey>): Map<ServiceKey, Service | undefined> {
    const changes = new Map<ServiceKey, Service | undefined>();
    for (const key of stale) {
      const now = serviceOf(this.#state.registry, key) ?? this.#index.serviceOf(key);
      if (now !== this.#registry.services.get(key)) changes.set(key, now);
    }
    return changes;
  }

  #changedEndpoints(stale: ReadonlySet<ServiceKey>): Map<ServiceKey, readonly Endpoint[] | undefined> {
    const changes = new Map<ServiceKey, readonly Endpoint[] | undefined>();
    for (const key of stale) {
      const registered = serviceOf(this.#state.registry, key);
      const all = endpointsOf(this.#state.registry, key).concat(this.#index.endpointsOf(key, registered));
      const before = this.#registry.endpoints.get(key);
      const now = orderEndpoints(this.#withReportedHealth(all), before ?? []);
      if (now !== before && (now.length > 0 || before)) changes.set(key, now.length > 0 ? now : undefined);
    }
    return changes;
  }

  #withReportedHealth(endpoints: Endpoint[]): Endpoint[] {
    const { reports } = this.#state.registry;
    if (reports.size === 0) return endpoints;
    return endpoints.map((endpoint) => {
      const health = reports.get(`${endpoint.namespace}/${endpoint.address}`)?.value;
      return health ? this.#override(endpoint, health) : endpoint;
    });
  }

  /** An instance that its platform is taking away stays `draining` whatever its agent says. */
  #override(endpoint: Endpoint, health: Health): Endpoint {
    if (endpoint.health === health || endpoint.health === 'draining') return endpoint;
    let overridden = this.#overridden.get(endpoint);
    if (overridden?.health !== health) this.#overridden.set(endpoint, (overridden = { ...endpoint, health }));
    return overridden;
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
