// envoy.service.discovery.v3.AggregatedDiscoveryService on raw bytes: also what a client without a codec uses.
import type { ServiceDefinition } from '@grpc/grpc-js';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const identity = (bytes: Buffer) => bytes;
const method = (name: string) => ({
  path: `${path}${name}`,
  requestStream: true as const,
  responseStream: true as const,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
});

/** The service on buffers. */
export const adsService = {
  StreamAggregatedResources: method('StreamAggregatedResources'),
  DeltaAggregatedResources: method('DeltaAggregatedResources'),
} satisfies ServiceDefinition;
