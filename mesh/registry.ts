// The registry projection: services, endpoints, workloads and reported health, folded from RegistryFacts.
import type { RecordedEvent } from '../events/envelope.ts';
import {
  type Endpoint,
  type Health,
  type Service,
  type ServiceKey,
  serviceKey,
  type Workload,
} from '../events/model.ts';
import type { Projection } from '../events/projection.ts';
import type { RegistryFact } from '../events/registry-facts.ts';
import { compareStrings, compareTimes } from './compare.ts';
import { type Graves, noGraves, put, unapply, type Versioned } from './versioned.ts';

type Leaves<T> = Map<string, Versioned<T>>;

/** What has changed since somebody last emptied it. */
export interface RegistryTouched {
  readonly services: Set<ServiceKey>;
  readonly endpoints: Set<ServiceKey>;
  /** By workload key. */
  readonly workloads: Set<string>;
  /** `NAMESPACE/ADDRESS` whose reported health changed. */
  readonly reports: Set<string>;
}

/** Mutable; what readers get is frozen by snapshot-builder.ts. */
export interface RegistryState {
  /** By service key, then `PLATFORM@CLUSTER`. */
  readonly services: Map<ServiceKey, Leaves<Service>>;
  /** By service key, then `PLATFORM@CLUSTER/ID`. */
  readonly endpoints: Map<ServiceKey, Leaves<Endpoint>>;
  /** By `workloadKey`. */
  readonly workloads: Leaves<Workload>;
  /** By `NAMESPACE/ADDRESS`: what a proxy's agent last said. */
  readonly reports: Leaves<Health>;
  readonly graves: Graves;
  readonly touched: RegistryTouched;
}

/** Who reports something: two clusters of one platform may report the same name. */
interface Reporter {
  readonly platform: string;
  readonly clusterId?: string;
}

/** `PLATFORM`, or `PLATFORM@CLUSTER` where the platform has clusters. */
function reporterOf({ platform, clusterId }: Reporter): string {
  return clusterId === undefined || clusterId === '' ? platform : `${platform}@${clusterId}`;
}

/** `PLATFORM/NAMESPACE/NAME` (`PLATFORM@CLUSTER` where the platform has clusters), the key of `RegistryView.workloads`. */
export function workloadKey(workload: {
  readonly platform: string;
  readonly clusterId?: string;
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${reporterOf(workload)}/${workload.namespace}/${workload.name}`;
}

/** Folds registry facts; other events pass through. */
export const registryProjection: Projection<RegistryState> = {
  name: 'registry',
  init: initRegistry,
  evolve: evolveRegistry,
};

function initRegistry(): RegistryState {
  return {
    services: new Map(),
    endpoints: new Map(),
    workloads: new Map(),
    reports: new Map(),
    graves: noGraves(),
    touched: { services: new Set(), endpoints: new Set(), workloads: new Set(), reports: new Set() },
  };
}

function evolveRegistry(state: RegistryState, event: RecordedEvent): RegistryState {
  const fact = event as unknown as RegistryFact;
  const { position } = event;
  switch (fact.type) {
    case 'io.periplus.registry.endpoint-registered':
      putEndpoint(state, position, fact.data, fact.data);
      break;
    case 'io.periplus.registry.endpoint-deregistered':
      putEndpoint(state, position, fact.data, undefined);
      break;
    case 'io.periplus.registry.service-registered':
      putService(state, position, fact.data, fact.data);
      break;
    case 'io.periplus.registry.service-deregistered':
      putService(state, position, fact.data, undefined);
      break;
    case 'io.periplus.registry.workload-registered':
      putWorkload(state, position, fact.data, fact.data);
      break;
    case 'io.periplus.registry.workload-deregistered':
      putWorkload(state, position, fact.data, undefined);
      break;
    case 'io.periplus.registry.workload-health-reported':
      for (const address of fact.data.addresses)
        putReport(state, position, `${fact.data.namespace}/${address}`, fact.data.health);
      break;
    default:
      fact satisfies never;
  }
  return state;
}

function putService(
  state: RegistryState,
  position: number,
  of: Reporter & { readonly namespace: string; readonly hostname: string },
  value: Service | undefined,
): void {
  const key = serviceKey(of);
  put(leavesOf(state.services, key), reporterOf(of), position, value, state.graves);
  state.touched.services.add(key);
}

function putEndpoint(
  state: RegistryState,
  position: number,
  of: Reporter & { readonly namespace: string; readonly hostname: string; readonly id: string },
  value: Endpoint | undefined,
): void {
  const key = serviceKey(of);
  put(leavesOf(state.endpoints, key), `${reporterOf(of)}/${of.id}`, position, value, state.graves);
  state.touched.endpoints.add(key);
}

function putWorkload(
  state: RegistryState,
  position: number,
  of: Reporter & { readonly namespace: string; readonly name: string },
  value: Workload | undefined,
): void {
  const key = workloadKey(of);
  const old = state.workloads.get(key)?.value;
  put(state.workloads, key, position, value, state.graves);
  state.touched.workloads.add(key);
  // The address may go to another workload next, which must not inherit what this one's agent said.
  for (const address of old?.addresses ?? []) {
    if (!value?.addresses.includes(address)) forgetReport(state, position, `${of.namespace}/${address}`);
  }
}

/** Of a workload that is gone: who has its address next must not inherit what its agent said. */
export function forgetReport(state: RegistryState, position: number, key: string): void {
  if (state.reports.get(key)?.value !== undefined) putReport(state, position, key, undefined);
}

function putReport(state: RegistryState, position: number, key: string, health: Health | undefined): void {
  if (state.reports.get(key)?.value === health) return;
  put(state.reports, key, position, health, state.graves);
  state.touched.reports.add(key);
}

function leavesOf<T>(groups: Map<string, Leaves<T>>, key: string): Leaves<T> {
  let leaves = groups.get(key);
  if (!leaves) groups.set(key, (leaves = new Map()));
  return leaves;
}

/** Un-applies the event at `position` if it is the registry's. Looks everywhere: quarantines are rare. */
export function unapplyFromRegistry(state: RegistryState, position: number): void {
  for (const [key, leaves] of state.services)
    if (unapply(leaves, position) !== undefined) state.touched.services.add(key);
  for (const [key, leaves] of state.endpoints)
    if (unapply(leaves, position) !== undefined) state.touched.endpoints.add(key);
  const workload = unapply(state.workloads, position);
  if (workload !== undefined) state.touched.workloads.add(workload);
  for (let report = unapply(state.reports, position); report !== undefined; report = unapply(state.reports, position)) {
    state.touched.reports.add(report);
  }
}

/** The service that platforms report under `key`; where several do, the oldest, then the first platform by name. */
export function serviceOf(state: RegistryState, key: ServiceKey): Service | undefined {
  let best: Service | undefined;
  for (const { value } of state.services.get(key)?.values() ?? []) {
    if (value && (!best || compareServices(value, best) < 0)) best = value;
  }
  return best;
}

/** Oldest first, then by platform, namespace and hostname. */
export function compareServices(a: Service, b: Service): number {
  return (
    compareTimes(a.createdAt, b.createdAt) ||
    compareStrings(a.platform, b.platform) ||
    compareStrings(a.clusterId ?? '', b.clusterId ?? '') ||
    compareStrings(a.namespace, b.namespace) ||
    compareStrings(a.hostname, b.hostname)
  );
}

/** Endpoints that platforms report for `key`, in no particular order, health as the platforms say. */
export function endpointsOf(state: RegistryState, key: ServiceKey): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const { value } of state.endpoints.get(key)?.values() ?? []) if (value) endpoints.push(value);
  return endpoints;
}
