// The encoder: its spliced records are what protobuf would have written, in the response that holds them.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { VirtualHostSchema } from '../../../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../../gen/envoy/config/route/v3/route_pb.js';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { encodeResource, encodeSpliced, fieldRecord } from './encode.ts';
import { typeUrls } from './translation.ts';

const cluster = create(ClusterSchema, { name: 'x'.repeat(300), perConnectionBufferLimitBytes: 1 });

describe('encodeResource', () => {
  it('gives a record that decodes as a DiscoveryResponse with the resource', () => {
    const encoded = encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster);
    const response = fromBinary(DiscoveryResponseSchema, encoded.sotwRecord);
    expect(response.resources).toHaveLength(1);
    expect(response.resources[0]?.typeUrl).toBe(typeUrls.cluster);
    expect(response.resources[0]?.value).toEqual(toBinary(ClusterSchema, cluster));
    expect(encoded.bytes).toEqual(toBinary(ClusterSchema, cluster));
  });

  it('gives a record that decodes as a DeltaDiscoveryResponse with name, version and resource', () => {
    const encoded = encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster);
    const response = fromBinary(DeltaDiscoveryResponseSchema, encoded.deltaRecord);
    expect(response.resources[0]?.name).toBe(cluster.name);
    expect(response.resources[0]?.version).toBe(encoded.version);
    expect(response.resources[0]?.resource?.value).toEqual(toBinary(ClusterSchema, cluster));
  });

  it('gives equal versions to equal content and different ones to different content', () => {
    const other = create(ClusterSchema, { name: cluster.name });
    const version = (c: typeof cluster) => encodeResource(typeUrls.cluster, 'n', ClusterSchema, c).version;
    expect(version(cluster)).toMatch(/^[0-9a-f]{16}$/);
    expect(version(create(ClusterSchema, cluster))).toBe(version(cluster));
    expect(version(other)).not.toBe(version(cluster));
  });

  it('carries an empty message', () => {
    const encoded = encodeSpliced(typeUrls.cluster, '', []);
    expect(fromBinary(DiscoveryResponseSchema, encoded.sotwRecord).resources[0]?.value).toHaveLength(0);
  });
});

describe('encodeSpliced', () => {
  it('assembles a route configuration from the records of its virtual hosts', () => {
    const hosts = ['a', 'b'].map((name) => create(VirtualHostSchema, { name, domains: [name] }));
    const whole = create(RouteConfigurationSchema, { name: '80', virtualHosts: hosts });
    const spliced = encodeSpliced(typeUrls.route, '80', [
      toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name: '80' })),
      ...hosts.map((host) => fieldRecord(2, VirtualHostSchema, host)),
    ]);
    expect(spliced.bytes).toEqual(toBinary(RouteConfigurationSchema, whole));
  });
});
