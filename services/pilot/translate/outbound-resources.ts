// Outbound clusters and load assignments of all proxies with one outbound context, as service tables.
import { type Endpoint, type Service, serviceKey } from '../../../events/model.ts';
import { ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { type ClusterSpec, clusterSpecs } from './clusters/cluster-spec.ts';
import { outboundCluster } from './clusters/outbound-cluster.ts';
import { proxylessCluster } from './clusters/proxyless-cluster.ts';
import { destinationRuleOf } from './destination-rules.ts';
import { encodeResource } from './encode.ts';
import { loadAssignment } from './endpoints/load-assignment.ts';
import { failoverLabel, type LocalityUse, localityUse } from './endpoints/locality.ts';
import { topologyLabel } from './endpoints/topology-labels.ts';
import type { Memo } from './memo.ts';
import { outboundServices } from './outbound-services.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { type ServiceTable, serviceTable } from './service-table.ts';
import { type EncodedResource, type ResourceSet, typeUrls } from './translation.ts';

/** Outbound clusters and the load assignments of those that use EDS. */
export interface OutboundResources {
  readonly clusters: ResourceSet;
  readonly endpoints: ResourceSet;
}

/** For a scope whose context is an `outboundContext`; scopes with equal egress, rules and context get the identical sets. */
export function outboundResources(scope: ProxyScope, memo: Memo): OutboundResources {
  const { snapshot, context, sidecar } = scope;
  const services = outboundServices(scope, memo);
  const rules = snapshot.config.list('DestinationRule');
  // Proxies that hold the sets of an earlier table are then sent differences found by patching. Weak: the sets may go with them.
  const latest = memo.get<Latest>('latest-outbound-sets', [context, sidecar], () => ({}));
  const tables = memo.get('outbound-tables', [context, services, rules, snapshot.mesh, sidecar], () => ({
    clusters: clusterTable(scope, services, memo, latest.clusters?.deref()),
    endpoints: endpointTable(scope, services, memo, latest.endpoints?.deref()),
  }));
  const sets = { clusters: tables.clusters.at(snapshot), endpoints: tables.endpoints.at(snapshot) };
  if (latest.clusters?.deref() !== sets.clusters) latest.clusters = new WeakRef(sets.clusters);
  if (latest.endpoints?.deref() !== sets.endpoints) latest.endpoints = new WeakRef(sets.endpoints);
  return sets;
}

interface Latest {
  clusters?: WeakRef<ResourceSet>;
  endpoints?: WeakRef<ResourceSet>;
}

function clusterTable(
  scope: ProxyScope,
  services: readonly Service[],
  memo: Memo,
  seed: ResourceSet | undefined,
): ServiceTable {
  const { context } = scope;
  const { mesh } = scope.snapshot;
  const isRouter = context.type === 'router';
  const isProxyless = context.generator === 'grpc';
  const specs = specsOf(scope, services, memo);
  const encode = (spec: ClusterSpec, snapshot: Snapshot): EncodedResource | undefined => {
    if (!resolvesNames(spec))
      return memo.get('cluster', [spec, mesh, isRouter, isProxyless], () => encodeCluster(spec));
    const endpoints = snapshot.registry.endpoints(serviceKey(spec.service));
    const use = localityUse(spec.policy, mesh);
    return memo.get('dns-cluster', [spec, mesh, endpoints, isRouter, isProxyless, placeKey(use, context)], () =>
      encodeCluster(spec, loadAssignment(spec, endpoints, { use, context })),
    );
  };
  const encodeCluster = (spec: ClusterSpec, assignment?: ClusterLoadAssignment) => {
    const cluster = isProxyless
      ? proxylessCluster(spec)
      : outboundCluster(spec, { mesh, isRouter, loadAssignment: assignment });
    return cluster && encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster);
  };
  return serviceTable({
    services,
    contribute: (service, snapshot) => new Map(specs(service).map((spec) => [spec.name, encode(spec, snapshot)])),
    readsEndpoints: (service) => specs(service).some(resolvesNames),
    seed,
  });
}

function endpointTable(
  scope: ProxyScope,
  services: readonly Service[],
  memo: Memo,
  seed: ResourceSet | undefined,
): ServiceTable {
  const { context } = scope;
  const { mesh } = scope.snapshot;
  const specs = specsOf(scope, services, memo);
  const eds = (service: Service) => specs(service).filter(({ discovery }) => discovery === 'EDS');
  const encode = (spec: ClusterSpec, endpoints: readonly Endpoint[]): EncodedResource => {
    const use = localityUse(spec.policy, mesh);
    return memo.get('load-assignment', [spec, endpoints, mesh, placeKey(use, context)], () => {
      const assignment = loadAssignment(spec, endpoints, { use, context });
      return encodeResource(typeUrls.endpoints, spec.name, ClusterLoadAssignmentSchema, assignment);
    });
  };
  return serviceTable({
    services,
    contribute: (service, { registry }) => {
      const endpoints = registry.endpoints(serviceKey(service));
      return new Map(eds(service).map((spec) => [spec.name, encode(spec, endpoints)]));
    },
    readsEndpoints: (service) => eds(service).length > 0,
    seed,
  });
}

function specsOf(
  scope: ProxyScope,
  services: readonly Service[],
  memo: Memo,
): (service: Service) => readonly ClusterSpec[] {
  const { snapshot, context } = scope;
  const specs = new Map<Service, readonly ClusterSpec[]>();
  const taken = new Set<string>();
  // A service comes before ExternalName services that point to it, which stand for it.
  for (const service of [...services].sort((a, b) => Number(isAlias(a)) - Number(isAlias(b)))) {
    const rule = destinationRuleOf({ snapshot, context, service, memo });
    const all = clusterSpecs({ service, rule, context, memo });
    specs.set(
      service,
      all.filter(({ name }) => !taken.has(name)),
    );
    for (const { name } of all) taken.add(name);
  }
  return (service) => specs.get(service) ?? [];
}

function isAlias({ externalName }: Service): boolean {
  return externalName !== undefined;
}

/** Whether Envoy resolves the endpoints' names itself, so that they are part of the cluster. */
function resolvesNames({ discovery }: ClusterSpec): boolean {
  return discovery === 'STRICT_DNS' || discovery === 'LOGICAL_DNS';
}

/** What of the proxy the load assignment reads, so that proxies in other places share it where place does not matter. */
function placeKey(use: LocalityUse, context: ProxyContext): string {
  if (use.kind === 'none') return '';
  const labels = use.kind === 'failover' ? use.failoverPriority : [];
  return JSON.stringify([context.locality, ...labels.map((entry) => topologyLabel(context, failoverLabel(entry)))]);
}
