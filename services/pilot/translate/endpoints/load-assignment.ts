// A cluster's ClusterLoadAssignment: its usable endpoints grouped by locality, with weights and priorities for one proxy.
import { create } from '@bufbuild/protobuf';
import type { Endpoint, ServicePort } from '../../../../events/model.ts';
import {
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from '../../../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ClusterSpec } from '../clusters/cluster-spec.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { isClusterLocal } from './cluster-local.ts';
import { endpointWeight, isDraining, isResolved, lbEndpoint } from './lb-endpoint.ts';
import { type LocalityUse, parseLocality } from './locality.ts';
import { type EndpointGroup, prioritise } from './locality-priority.ts';
import { reachedEndpoints } from './network-gateways.ts';
import { isInSubset } from './topology-labels.ts';

/** Largest weight Envoy takes for a locality; the sum of all must stay below 2^32. */
const maxLocalityWeight = 0xffff_ffff;

/**
 * The assignment of `spec` as `context` sees it. Unhealthy endpoints are left out, and so are draining ones unless the service keeps
 * sessions: as DRAINING they go on with those, but where few others are healthy Envoy would give them new requests, too. A service without usable endpoints has an assignment without any: its clients fail at once instead of waiting.
 */
export function loadAssignment(
  spec: ClusterSpec,
  endpoints: readonly Endpoint[],
  proxy: {
    readonly use: LocalityUse;
    readonly context: ProxyContext;
    readonly mesh: MeshConfig;
    readonly takesTls?: TakesTls;
  },
): ClusterLoadAssignment {
  const { takesTls = never, context, mesh } = proxy;
  const takesTlsAt = (endpoint: Endpoint) => takesTls(endpoint, endpointPort(endpoint, spec.port) ?? 0);
  // Whether what is passed on is the mesh's TLS can't be seen: an endpoint without it would be open to anybody.
  const own = isClusterLocal(spec.service.hostname, mesh) ? ofCluster(endpoints, context) : endpoints;
  const usable = usableEndpoints(spec, own).filter(
    (endpoint) => isOnOwnNode(endpoint, spec, context) && (!spec.passesTls || takesTlsAt(endpoint)),
  );
  const reached = reachedEndpoints(usable, spec.port, { context, mesh, takesTls: takesTlsAt });
  const groups = byLocality(reached);
  return create(ClusterLoadAssignmentSchema, {
    clusterName: spec.name,
    endpoints: prioritise(groups, proxy).map((group) => localityEndpoints(group, spec.port, takesTls)),
  });
}

/** Endpoints of the proxy's cluster; all where it does not say which that is. */
function ofCluster(endpoints: readonly Endpoint[], { clusterId }: ProxyContext): readonly Endpoint[] {
  return clusterId === '' ? endpoints : endpoints.filter((endpoint) => (endpoint.clusterId ?? '') === clusterId);
}

/** Of a node-local service a proxy is given what is on its own node and in its own cluster, or nothing (Kubernetes' internalTrafficPolicy; istiod's NodeLocal). */
function isOnOwnNode(
  { nodeName = '', clusterId = '' }: Endpoint,
  { service, discovery }: ClusterSpec,
  context: ProxyContext,
): boolean {
  if (!service.isNodeLocal || discovery !== 'EDS') return true;
  const isElsewhere = clusterId !== '' && context.clusterId !== '' && clusterId !== context.clusterId;
  return !isElsewhere && nodeName === (context.nodeName ?? '');
}

/** Whether an endpoint takes the mesh's mutual TLS at a port. */
export type TakesTls = (endpoint: Endpoint, port: number) => boolean;

const never: TakesTls = () => false;

/** Istio's label of services whose clients come back to the endpoint that they had. */
const persistentSessionLabel = 'istio.io/persistent-session';

function usableEndpoints(spec: ClusterSpec, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const { port, subset, discovery, service } = spec;
  const keepsSessions = (service.labels[persistentSessionLabel] ?? '') !== '';
  const selector = subset?.labels ?? {};
  const usable = (discovery === 'EDS' ? endpoints : named(spec, endpoints)).filter(
    (endpoint) =>
      endpoint.health !== 'unhealthy' &&
      (keepsSessions || !isDraining(endpoint)) &&
      endpointPort(endpoint, port) !== undefined &&
      (discovery !== 'EDS' || isResolved(endpoint.address)) &&
      isInSubset(selector, endpoint),
  );
  // Envoy takes one name for a logical DNS cluster.
  return discovery === 'LOGICAL_DNS' ? usable.slice(0, 1) : usable;
}

/** A DNS service without endpoints of its own is looked up by its external or its own name. */
function named(spec: ClusterSpec, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const { service, port } = spec;
  const address = service.externalName ?? service.hostname;
  if (endpoints.length > 0 || address.startsWith('*')) return endpoints;
  const { hostname, namespace, platform } = service;
  const target = typeof port.targetPort === 'number' ? port.targetPort : port.port;
  return [
    {
      id: address,
      hostname,
      namespace,
      platform,
      address,
      ports: { [port.name]: target },
      labels: {},
      health: 'healthy',
    },
  ];
}

/** The port on the endpoint that a service port stands for; undefined when it has no such port. */
export function endpointPort(endpoint: Endpoint, port: ServicePort): number | undefined {
  return Object.hasOwn(endpoint.ports, port.name) ? endpoint.ports[port.name] : undefined;
}

/** `endpoints` by locality, all of one priority, without the mesh's TLS. */
export function assignmentOf(endpoints: readonly Endpoint[], port: ServicePort): LocalityLbEndpoints[] {
  return byLocality(endpoints).map((group) => localityEndpoints(group, port, never));
}

function byLocality(endpoints: readonly Endpoint[]): readonly EndpointGroup[] {
  const groups = Map.groupBy(endpoints, (endpoint) => endpoint.locality ?? '');
  return [...groups]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([locality, members]) => ({ locality, endpoints: members, weight: totalWeight(members), priority: 0 }));
}

function totalWeight(endpoints: readonly Endpoint[]): number {
  return endpoints.reduce((sum, endpoint) => sum + endpointWeight(endpoint), 0);
}

function localityEndpoints(group: EndpointGroup, port: ServicePort, takesTls: TakesTls): LocalityLbEndpoints {
  const { region, zone, subZone } = parseLocality(group.locality);
  return create(LocalityLbEndpointsSchema, {
    locality: { region, zone, subZone },
    lbEndpoints: group.endpoints.flatMap((endpoint) => {
      const number = endpointPort(endpoint, port);
      return number === undefined ? [] : [lbEndpoint(endpoint, number, takesTls(endpoint, number))];
    }),
    loadBalancingWeight: Math.min(Math.max(1, group.weight), maxLocalityWeight),
    priority: group.priority,
  });
}
