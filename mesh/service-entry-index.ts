// Which ServiceEntries, WorkloadEntries and workloads make up which service, kept up to date as they change.
import {
  type ConfigKey,
  type Endpoint,
  type Service,
  type ServiceKey,
  serviceKey,
  type Workload,
} from '../events/model.ts';
import { compareResources } from './config-store.ts';
import {
  endpointsOfSelectedEntry,
  endpointsOfWorkload,
  endpointsOfWorkloadEntry,
  inlineEndpoints,
  labelsOfWorkloadEntry,
  mergeEndpoints,
  mergeServices,
  type ServiceEntry,
  selectorOf,
  selects,
  servicesOfServiceEntry,
  type WorkloadEntry,
} from './service-entry.ts';

type Labels = Readonly<Record<string, string>>;
type Groups<T> = Map<string, Map<string, T>>;

/** Mutable; belongs to one snapshot builder. Methods that change it add the services they affect to `affected`. */
export class ServiceEntryIndex {
  /** By service key, then ConfigKey. */
  readonly #entriesOf: Groups<ServiceEntry> = new Map();
  /** ServiceEntries with a workloadSelector, by namespace, then ConfigKey. */
  readonly #selecting: Groups<ServiceEntry> = new Map();
  /** Platforms' services with a selector, by namespace, then service key. */
  readonly #selectingServices: Groups<Service> = new Map();
  /** By namespace, then ConfigKey. */
  readonly #workloadEntries: Groups<WorkloadEntry> = new Map();
  /** By namespace, then workload key. */
  readonly #workloads: Groups<Workload> = new Map();
  readonly #merged = new WeakMap<Service, { readonly of: readonly Service[]; readonly result: Service | undefined }>();

  /** A ServiceEntry was changed from `old` to `now`. */
  replaceServiceEntry(
    key: ConfigKey,
    old: ServiceEntry | undefined,
    now: ServiceEntry | undefined,
    affected: Set<ServiceKey>,
  ): void {
    for (const service of old ? servicesOfServiceEntry(old) : []) {
      regroup(this.#entriesOf, serviceKey(service), key, undefined);
      affected.add(serviceKey(service));
    }
    for (const service of now ? servicesOfServiceEntry(now) : []) {
      regroup(this.#entriesOf, serviceKey(service), key, now);
      affected.add(serviceKey(service));
    }
    const namespace = now?.namespace ?? old?.namespace ?? '';
    regroup(this.#selecting, namespace, key, now && selectorOf(now) ? now : undefined);
  }

  /** A WorkloadEntry was changed from `old` to `now`. */
  replaceWorkloadEntry(
    key: ConfigKey,
    old: WorkloadEntry | undefined,
    now: WorkloadEntry | undefined,
    affected: Set<ServiceKey>,
  ): void {
    const namespace = now?.namespace ?? old?.namespace ?? '';
    regroup(this.#workloadEntries, namespace, key, now);
    const labels = [old, now].flatMap((entry) => (entry ? [labelsOfWorkloadEntry(entry)] : []));
    this.#addSelecting(namespace, labels, affected);
    for (const [selecting, service] of this.#selectingServices.get(namespace) ?? []) {
      if (service.selector && matchesAny(service.selector, labels)) affected.add(selecting);
    }
  }

  /** A platform's workload was changed from `old` to `now`. */
  replaceWorkload(key: string, old: Workload | undefined, now: Workload | undefined, affected: Set<ServiceKey>): void {
    const namespace = now?.namespace ?? old?.namespace ?? '';
    regroup(this.#workloads, namespace, key, now);
    const labels = [old, now].flatMap((workload) => (workload ? [workload.labels] : []));
    this.#addSelecting(namespace, labels, affected);
  }

  /** A platform's service is `now`; its endpoints have to be made again. */
  replaceService(key: ServiceKey, namespace: string, now: Service | undefined): void {
    const selecting = now?.selector && Object.keys(now.selector).length > 0 && now.externalName === undefined;
    regroup(this.#selectingServices, namespace, key, selecting ? now : undefined);
  }

  /** The service that ServiceEntries declare under `key`. */
  serviceOf(key: ServiceKey): Service | undefined {
    const services: Service[] = [];
    for (const entry of this.#entriesFor(key)) {
      for (const service of servicesOfServiceEntry(entry)) if (serviceKey(service) === key) services.push(service);
    }
    const [first] = services;
    if (!first || services.length === 1) return first;
    return this.#mergeRemembered(first, services);
  }

  /** Endpoints from configuration of the service under `key`; `registered` is the platforms' service of that key, if any. */
  endpointsOf(key: ServiceKey, registered: Service | undefined): Endpoint[] {
    const endpoints: Endpoint[] = [];
    for (const entry of this.#entriesFor(key)) {
      const hostname = key.slice(entry.namespace.length + 1);
      endpoints.push(
        ...inlineEndpoints(entry, hostname),
        ...this.#selected(entry).filter((one) => one.hostname === hostname),
      );
    }
    const service = registered && this.#selectingServices.get(registered.namespace)?.get(key);
    if (service?.selector) endpoints.push(...this.#entriesSelectedBy(service, service.selector));
    return mergeEndpoints(endpoints);
  }

  /** In Istio's order. */
  #entriesFor(key: ServiceKey): readonly ServiceEntry[] {
    return [...(this.#entriesOf.get(key)?.values() ?? [])].sort(compareResources);
  }

  #selected(entry: ServiceEntry): Endpoint[] {
    const selector = selectorOf(entry);
    if (!selector) return [];
    const endpoints: Endpoint[] = [];
    for (const workload of this.#workloadEntries.get(entry.namespace)?.values() ?? []) {
      if (selects(selector, labelsOfWorkloadEntry(workload)))
        endpoints.push(...endpointsOfWorkloadEntry(entry, workload));
    }
    for (const workload of this.#workloads.get(entry.namespace)?.values() ?? []) {
      if (selects(selector, workload.labels)) endpoints.push(...endpointsOfWorkload(entry, workload));
    }
    return endpoints;
  }

  #entriesSelectedBy(service: Service, selector: Labels): Endpoint[] {
    const endpoints: Endpoint[] = [];
    for (const workload of this.#workloadEntries.get(service.namespace)?.values() ?? []) {
      if (selects(selector, labelsOfWorkloadEntry(workload)))
        endpoints.push(...endpointsOfSelectedEntry(service, workload));
    }
    return endpoints;
  }

  #addSelecting(namespace: string, labels: readonly Labels[], affected: Set<ServiceKey>): void {
    for (const entry of this.#selecting.get(namespace)?.values() ?? []) {
      const selector = selectorOf(entry);
      if (!selector || !matchesAny(selector, labels)) continue;
      for (const service of servicesOfServiceEntry(entry)) affected.add(serviceKey(service));
    }
  }

  #mergeRemembered(first: Service, services: readonly Service[]): Service | undefined {
    const known = this.#merged.get(first);
    if (known && known.of.length === services.length && known.of.every((one, index) => one === services[index]))
      return known.result;
    const result = mergeServices(services);
    this.#merged.set(first, { of: services, result });
    return result;
  }
}

function matchesAny(selector: Labels, labels: readonly Labels[]): boolean {
  return labels.some((one) => selects(selector, one));
}

function regroup<T>(groups: Groups<T>, group: string, key: string, value: T | undefined): void {
  const members = groups.get(group);
  if (value !== undefined) {
    if (members) members.set(key, value);
    else groups.set(group, new Map([[key, value]]));
  } else if (members?.delete(key) && members.size === 0) groups.delete(group);
}
