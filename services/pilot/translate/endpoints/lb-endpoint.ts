// One endpoint of a cluster: address, weight, health and whom telemetry says it is.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import type { Endpoint } from '../../../../events/model.ts';
import { type Address, AddressSchema } from '../../../../gen/envoy/config/core/v3/address_pb.js';
import { type Metadata, MetadataSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { HealthStatus } from '../../../../gen/envoy/config/core/v3/health_check_pb.js';
import {
  EndpointSchema,
  type LbEndpoint,
  LbEndpointSchema,
} from '../../../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import { extraFacts, istioWorkload, workloadFacts } from '../../../../mesh/telemetry/workload-facts.ts';

/** Envoy's form of `endpoint` at `port`; `takesTls`: clients of the mesh use mutual TLS with it. */
export function lbEndpoint(endpoint: Endpoint, port: number, takesTls = false): LbEndpoint {
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: 'endpoint',
      value: create(EndpointSchema, { address: endpointAddress(endpoint.address, port) }),
    },
    // Healthy is the default, and Envoy's own health checks and outlier detection may say more.
    healthStatus: isDraining(endpoint) ? HealthStatus.DRAINING : HealthStatus.UNKNOWN,
    loadBalancingWeight: endpointWeight(endpoint),
    metadata: workloadMetadata(endpoint, takesTls),
  });
}

/** Whether it takes no more than it has: its platform takes it away, or its workload's label `istio.io/draining` says so. */
export function isDraining({ health, labels }: Endpoint): boolean {
  return health === 'draining' || (labels['istio.io/draining'] ?? '') !== '';
}

/** 1 and up. */
export function endpointWeight({ weight }: Endpoint): number {
  return weight !== undefined && weight > 0 ? weight : 1;
}

/** Whether EDS can carry the address: Envoy rejects the whole assignment for one name in it. */
export function isResolved(address: string): boolean {
  return isIP(address) !== 0 || address.startsWith('unix:');
}

/** An IP address or name with a port, or a Unix socket's path. */
export function endpointAddress(address: string, port: number): Address {
  if (address.startsWith('unix:')) {
    const path = address.replace(/^unix:(\/\/)?/, '');
    return create(AddressSchema, { address: { case: 'pipe', value: { path } } });
  }
  const value = { address, portSpecifier: { case: 'portValue', value: port } } as const;
  return create(AddressSchema, { address: { case: 'socketAddress', value } });
}

/** `istio.workload` as Istio's telemetry reads it, and what else metrics say of the workload. */
function workloadMetadata(endpoint: Endpoint, takesTls: boolean): Metadata {
  const { labels, namespace, clusterId = '' } = endpoint;
  const facts = workloadFacts({ workload: endpoint.workload ?? endpoint.id, namespace, labels, cluster: clusterId });
  const extra = extraFacts(facts);
  return create(MetadataSchema, {
    filterMetadata: {
      ...(takesTls ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {}),
      istio: { workload: istioWorkload(facts) },
      ...(extra === undefined ? {} : { periplus: { app: extra } }),
    },
  });
}
