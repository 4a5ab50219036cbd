// Snapshots for tests, made the way production makes them: through events and the snapshot builder.
import { configSubject } from '../events/config-facts.ts';
import type { NewEvent, RecordedEvent } from '../events/envelope.ts';
import type { ConfigResource, Endpoint, Health, Service, Workload } from '../events/model.ts';
import { endpointSubject, serviceSubject, workloadSubject } from '../events/registry-facts.ts';
import type { MeshConfig } from './config/mesh-config.ts';
import type { Snapshot } from './snapshot.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';

/** A fact without its envelope. */
export interface BareFact {
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
}

/** What a test's mesh consists of. */
export interface MeshFixture {
  readonly services?: readonly Service[];
  readonly endpoints?: readonly Endpoint[];
  readonly workloads?: readonly Workload[];
  readonly config?: readonly ConfigResource[];
  readonly mesh?: MeshConfig;
}

/** Time of the fixtures' first event; the one at position N is N milliseconds later. */
const firstTimeMs = Date.parse('2026-01-01T00:00:00.000Z');

/** The snapshot of a mesh with exactly these things, with `changed: 'all'`. */
export function snapshotOf(fixture: MeshFixture): Snapshot {
  return builderOf(fixture).snapshot();
}

/** A builder that has folded these things: go on with `apply(recorded(fact, builder.position + 1))`. */
export function builderOf(fixture: MeshFixture): SnapshotBuilder {
  return new SnapshotBuilder({ ...(fixture.mesh && { mesh: fixture.mesh }) }).applyAll(record(factsOf(fixture)));
}

/** The facts that say what is in `fixture`. */
export function factsOf(fixture: MeshFixture): BareFact[] {
  return [
    ...(fixture.services ?? []).map(serviceRegistered),
    ...(fixture.endpoints ?? []).map(endpointRegistered),
    ...(fixture.workloads ?? []).map(workloadRegistered),
    ...(fixture.config ?? []).map(configApplied),
  ];
}

/** The events of `facts` from `position` on. */
export function record(facts: readonly BareFact[], position = 1): RecordedEvent[] {
  return facts.map((fact, index) => recorded(fact, position + index));
}

/** One fact as the log gives it; `version` and `previousHash` are not kept up. */
export function recorded(fact: BareFact, position: number): RecordedEvent {
  const event: NewEvent = {
    id: `event-${position}`,
    source: '/test',
    type: fact.type,
    subject: fact.subject,
    time: new Date(firstTimeMs + position).toISOString(),
    actor: 'user:test',
    causes: [],
    data: fact.data,
  };
  return { ...event, specversion: '1.0', position, version: 1, previousHash: '' };
}

/** `service` exists. */
export function serviceRegistered(service: Service): BareFact {
  return { type: 'io.periplus.registry.service-registered', subject: serviceSubject(service), data: service };
}
/** `service` is gone. */
export function serviceDeregistered({ namespace, hostname, platform }: Service): BareFact {
  const data = { namespace, hostname, platform };
  return { type: 'io.periplus.registry.service-deregistered', subject: serviceSubject(data), data };
}
/** `endpoint` exists. */
export function endpointRegistered(endpoint: Endpoint): BareFact {
  return { type: 'io.periplus.registry.endpoint-registered', subject: endpointSubject(endpoint), data: endpoint };
}
/** `endpoint` is gone. */
export function endpointDeregistered({ namespace, hostname, platform, id }: Endpoint): BareFact {
  const data = { namespace, hostname, platform, id };
  return { type: 'io.periplus.registry.endpoint-deregistered', subject: endpointSubject(data), data };
}
/** `workload` exists. */
export function workloadRegistered(workload: Workload): BareFact {
  return { type: 'io.periplus.registry.workload-registered', subject: workloadSubject(workload), data: workload };
}
/** `workload` is gone. */
export function workloadDeregistered({ namespace, name, platform }: Workload): BareFact {
  const data = { namespace, name, platform };
  return { type: 'io.periplus.registry.workload-deregistered', subject: workloadSubject(data), data };
}
/** A proxy's agent says how its workload is. */
export function healthReported(namespace: string, address: string, health: Health): BareFact {
  const data = {
    proxyId: `sidecar~${address}~test.${namespace}~${namespace}.svc.cluster.local`,
    namespace,
    addresses: [address],
    health,
    reason: '',
  };
  return { type: 'io.periplus.registry.workload-health-reported', subject: `proxy/${data.proxyId}`, data };
}
/** `resource` has this content. */
export function configApplied(resource: ConfigResource): BareFact {
  return { type: 'io.periplus.config.applied', subject: configSubject(resource), data: resource };
}
/** `resource` is gone. */
export function configDeleted({ kind, namespace, name }: ConfigResource): BareFact {
  const data = { kind, namespace, name };
  return { type: 'io.periplus.config.deleted', subject: configSubject(data), data };
}
/** The event at `position` is left out from here on. */
export function quarantined(position: number): BareFact {
  const data = { position, id: `event-${position}`, reason: 'translation failed' };
  return { type: 'io.periplus.system.event-quarantined', subject: `system/quarantine/${data.id}`, data };
}

/** A service `NAME.default.svc.cluster.local` with one HTTP port 80 (9080 on its endpoints); `over` replaces fields. */
export function httpService(name: string, over: Partial<Service> = {}): Service {
  const namespace = over.namespace ?? 'default';
  return {
    hostname: `${name}.${namespace}.svc.cluster.local`,
    name,
    namespace,
    platform: 'kubernetes',
    addresses: [],
    ports: [{ name: 'http', port: 80, protocol: 'HTTP', targetPort: 9080 }],
    labels: {},
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
    ...over,
  };
}

/** A healthy endpoint of `service` at `address`, on each port's target port; `over` replaces fields. */
export function endpointAt(service: Service, address: string, over: Partial<Endpoint> = {}): Endpoint {
  const ports = service.ports.map(({ name, port, targetPort }) => [
    name,
    typeof targetPort === 'number' ? targetPort : port,
  ]);
  return {
    id: `${service.name}-${address}`,
    hostname: service.hostname,
    namespace: service.namespace,
    platform: service.platform,
    address,
    ports: Object.fromEntries(ports),
    labels: {},
    health: 'healthy',
    ...over,
  };
}

/** A resource of `networking.istio.io/v1`, oldest of all unless `over` says otherwise. */
export function resourceOf<Spec>(
  kind: string,
  name: string,
  spec: Spec,
  over: Partial<ConfigResource<Spec>> = {},
): ConfigResource<Spec> {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    namespace: 'default',
    name,
    createdAt: '2025-01-01T00:00:00.000Z',
    spec,
    ...over,
  };
}
