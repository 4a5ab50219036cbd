// DestinationRule's retryBudget, including the field that the generated protos lack.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { ClusterSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { applyConnectionPool } from './connection-pool.ts';

function budgetOf(retryBudget: Parameters<typeof applyConnectionPool>[2]) {
  const cluster = create(ClusterSchema, { name: 'a' });
  applyConnectionPool(cluster, undefined, retryBudget);
  return fromBinary(ClusterSchema, toBinary(ClusterSchema, cluster)).circuitBreakers?.thresholds[0]?.retryBudget;
}

describe('retryBudget', () => {
  it("has Istio's defaults", () => {
    const budget = budgetOf({});
    expect(budget).toMatchObject({ budgetPercent: { value: 20 }, minRetryConcurrency: 3 });
    expect(budget?.$unknown).toBeUndefined();
  });

  it('sends the interval as field 3', () => {
    const [field] = budgetOf({ percent: 50, minRetryConcurrency: 7, budgetInterval: '10.5s' })?.$unknown ?? [];
    expect(field?.no).toBe(3);
    const duration = fromBinary(DurationSchema, (field?.data ?? new Uint8Array()).subarray(1));
    expect(duration).toMatchObject({ seconds: 10n, nanos: 500_000_000 });
  });
});
