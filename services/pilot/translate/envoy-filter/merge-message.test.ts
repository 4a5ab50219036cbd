// Istio's merge semantics, field kind by field kind.
import { create, fromBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { ClusterSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { EchoSchema } from '../../../../gen/envoy/extensions/filters/network/echo/v3/echo_pb.js';
import { HttpConnectionManagerSchema } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { mergedAny, mergeMessage } from './merge-message.ts';

const seconds = (value: number, nanos = 0) => ({ seconds: BigInt(value), nanos });

describe('mergeMessage', () => {
  it('replaces scalars and durations, merges messages and map entries, appends to lists', () => {
    const target = create(ClusterSchema, {
      name: 'a',
      altStatName: 'kept',
      connectTimeout: seconds(10, 5),
      circuitBreakers: { thresholds: [{ maxRequests: 1 }] },
      outlierDetection: { consecutive5xx: 5, interval: seconds(1) },
      metadata: { filterMetadata: { x: { old: 1 }, y: { kept: 1 } } },
    });
    const source = create(ClusterSchema, {
      name: 'b',
      connectTimeout: seconds(3),
      circuitBreakers: { thresholds: [{ maxRequests: 2 }] },
      outlierDetection: { consecutive5xx: 7 },
      metadata: { filterMetadata: { x: { new: 2 } } },
    });
    mergeMessage(ClusterSchema, target, source);
    expect(target).toMatchObject({ name: 'b', altStatName: 'kept', connectTimeout: seconds(3, 0) });
    expect(target.circuitBreakers?.thresholds.map(({ maxRequests }) => maxRequests)).toEqual([1, 2]);
    expect(target.outlierDetection).toMatchObject({ consecutive5xx: 7, interval: seconds(1) });
    expect(target.metadata?.filterMetadata).toEqual({ x: { new: 2 }, y: { kept: 1 } });
    expect(source.circuitBreakers?.thresholds).toHaveLength(1);
  });

  it('replaces lists when asked to, at any depth', () => {
    const target = create(ClusterSchema, { circuitBreakers: { thresholds: [{ maxRequests: 1 }] } });
    mergeMessage(
      ClusterSchema,
      target,
      create(ClusterSchema, { circuitBreakers: { thresholds: [{ maxRequests: 2 }] } }),
      'replace',
    );
    expect(target.circuitBreakers?.thresholds.map(({ maxRequests }) => maxRequests)).toEqual([2]);
  });

  it('switches to the case of a oneof that the patch has', () => {
    const target = create(ClusterSchema, { clusterDiscoveryType: { case: 'type', value: 3 } });
    const source = create(ClusterSchema, { clusterDiscoveryType: { case: 'clusterType', value: { name: 'x' } } });
    mergeMessage(ClusterSchema, target, source);
    expect(target.clusterDiscoveryType).toMatchObject({ case: 'clusterType', value: { name: 'x' } });
  });

  it('leaves a wrapper that is true as it is when the patch says false, as Istio does', () => {
    const schema = HttpConnectionManagerSchema;
    const target = create(schema, { useRemoteAddress: true });
    mergeMessage(schema, target, create(schema, { useRemoteAddress: false, generateRequestId: false }));
    expect(target).toMatchObject({ useRemoteAddress: true, generateRequestId: false });
  });
});

describe('mergedAny', () => {
  const schema = HttpConnectionManagerSchema;

  it('merges inside messages of one type', () => {
    const target = anyPack(schema, create(schema, { statPrefix: 'a', serverName: 'kept' }));
    const merged = mergedAny(target, anyPack(schema, create(schema, { statPrefix: 'b' })));
    expect(typeof merged === 'string' ? merged : fromBinary(schema, merged.value)).toMatchObject({
      statPrefix: 'b',
      serverName: 'kept',
    });
  });

  it('says why it can not', () => {
    const target = anyPack(schema, create(schema, {}));
    expect(mergedAny(target, anyPack(EchoSchema, create(EchoSchema)))).toMatch(/can't merge .*Echo/);
    const unknown = { ...target, typeUrl: 'type.googleapis.com/no.such.Type' };
    expect(mergedAny(unknown, unknown)).toMatch(/unknown type/);
  });
});
