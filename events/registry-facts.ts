// What platform adapters (and, for health, proxies' agents) say happened to services, endpoints and workloads.
import type { NewEvent } from './envelope.ts';
import { type Endpoint, type Health, type Service, serviceKey, type Workload } from './model.ts';

/** A service exists with exactly this data (first seen or changed). */
export type ServiceRegistered = NewEvent<'io.periplus.registry.service-registered', Service>;
/** A service is gone. */
export type ServiceDeregistered = NewEvent<
  'io.periplus.registry.service-deregistered',
  { readonly namespace: string; readonly hostname: string; readonly platform: string }
>;
/** An instance of a service exists with exactly this data. */
export type EndpointRegistered = NewEvent<'io.periplus.registry.endpoint-registered', Endpoint>;
/** An instance is gone. */
export type EndpointDeregistered = NewEvent<
  'io.periplus.registry.endpoint-deregistered',
  { readonly namespace: string; readonly hostname: string; readonly platform: string; readonly id: string }
>;
/** A workload exists with exactly this data. */
export type WorkloadRegistered = NewEvent<'io.periplus.registry.workload-registered', Workload>;
/** A workload is gone. */
export type WorkloadDeregistered = NewEvent<
  'io.periplus.registry.workload-deregistered',
  { readonly namespace: string; readonly name: string; readonly platform: string }
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

/** Subject of a service's events: `registry/PLATFORM/service/NAMESPACE/HOSTNAME`. */
export function serviceSubject(service: { platform: string; namespace: string; hostname: string }): string {
  return `registry/${service.platform}/service/${serviceKey(service)}`;
}

/** Subject of an endpoint's events: `registry/PLATFORM/endpoint/NAMESPACE/HOSTNAME/ID`. */
export function endpointSubject(endpoint: {
  platform: string;
  namespace: string;
  hostname: string;
  id: string;
}): string {
  return `registry/${endpoint.platform}/endpoint/${serviceKey(endpoint)}/${endpoint.id}`;
}

/** Subject of a workload's events: `registry/PLATFORM/workload/NAMESPACE/NAME`. */
export function workloadSubject(workload: { platform: string; namespace: string; name: string }): string {
  return `registry/${workload.platform}/workload/${workload.namespace}/${workload.name}`;
}
