// What platform adapters (and, for health, proxies' agents) say happened to services, endpoints and workloads.
import type { NewEvent } from './envelope.ts';
import { type Endpoint, type Health, type Service, serviceKey, type Workload } from './model.ts';

/** A service exists with exactly this data (first seen or changed). */
export type ServiceRegistered = NewEvent<'io.periplus.registry.service-registered', Service>;
/** A service is gone. */
export type ServiceDeregistered = NewEvent<
  'io.periplus.registry.service-deregistered',
  { readonly namespace: string; readonly hostname: string; readonly platform: string; readonly clusterId?: string }
>;
/** An instance of a service exists with exactly this data. */
export type EndpointRegistered = NewEvent<'io.periplus.registry.endpoint-registered', Endpoint>;
/** An instance is gone. */
export type EndpointDeregistered = NewEvent<
  'io.periplus.registry.endpoint-deregistered',
  {
    readonly namespace: string;
    readonly hostname: string;
    readonly platform: string;
    readonly clusterId?: string;
    readonly id: string;
  }
>;
/** A workload exists with exactly this data. */
export type WorkloadRegistered = NewEvent<'io.periplus.registry.workload-registered', Workload>;
/** A workload is gone. */
export type WorkloadDeregistered = NewEvent<
  'io.periplus.registry.workload-deregistered',
  { readonly namespace: string; readonly name: string; readonly platform: string; readonly clusterId?: string }
>;
/** A proxy's agent reported its workload's readiness (Istio's HealthInformation): overrides `health` of endpoints at `address`. */
export type WorkloadHealthReported = NewEvent<
  'io.periplus.registry.workload-health-reported',
  {
    readonly proxyId: string;
    readonly namespace: string;
    readonly addresses: readonly string[];
    readonly health: Health;
    /** What the probe said; empty when healthy. */
    readonly reason: string;
  }
>;

/** Everything the registry projection is folded from. */
export type RegistryFact =
  | ServiceRegistered
  | ServiceDeregistered
  | EndpointRegistered
  | EndpointDeregistered
  | WorkloadRegistered
  | WorkloadDeregistered
  | WorkloadHealthReported;

/** What names something that a platform reports: one cluster or datacenter of a platform must not write another's subjects. */
interface Reported {
  readonly platform: string;
  readonly namespace: string;
  readonly clusterId?: string;
}

/** Subject of a service's events: `registry/PLATFORM/service/NAMESPACE/HOSTNAME`, with `@CLUSTER` where the platform has clusters. */
export function serviceSubject(service: Reported & { readonly hostname: string }): string {
  return `registry/${service.platform}/service/${serviceKey(service)}${atCluster(service)}`;
}

/** Subject of an endpoint's events: `registry/PLATFORM/endpoint/NAMESPACE/HOSTNAME/ID`, with `HOSTNAME@CLUSTER` where there are clusters. */
export function endpointSubject(endpoint: Reported & { readonly hostname: string; readonly id: string }): string {
  return `registry/${endpoint.platform}/endpoint/${serviceKey(endpoint)}${atCluster(endpoint)}/${endpoint.id}`;
}

/** Subject of a workload's events: `registry/PLATFORM/workload/NAMESPACE/NAME`, with `@CLUSTER` where there are clusters. */
export function workloadSubject(workload: Reported & { readonly name: string }): string {
  return `registry/${workload.platform}/workload/${workload.namespace}/${workload.name}${atCluster(workload)}`;
}

function atCluster({ clusterId }: Reported): string {
  return clusterId === undefined || clusterId === '' ? '' : `@${clusterId}`;
}
