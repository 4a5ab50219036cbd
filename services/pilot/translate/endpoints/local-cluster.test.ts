// What a proxy is told of its own service.
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ClusterLoadAssignmentSchema } from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { endpointAt, httpService, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';
import { localClusterName } from './local-cluster.ts';

const older = httpService('older', { createdAt: '2020-01-01T00:00:00Z' });
const younger = httpService('a-younger', { createdAt: '2024-01-01T00:00:00Z' });
const at = (address: string, locality: string, more: object = {}) => endpointAt(older, address, { locality, ...more });
const endpoints = [
  endpointAt(younger, '10.0.0.1', { locality: 'r1/z1/a' }),
  at('10.0.0.1', 'r1/z1/a'),
  at('10.0.0.2', 'r1/z2/a'),
  at('10.0.0.3', 'r2/z1/a'),
  at('10.0.0.4', 'r1/z1/a', { health: 'unhealthy' }),
  at('10.0.0.5', 'r1/z1/a', { labels: { 'pod-template-hash': 'other' } }),
];

function localAddresses(metadata: Readonly<Record<string, string>>): string[] | undefined {
  const context = sidecarContext({ addresses: ['10.0.0.1'], locality: 'r1/z1/a', metadata });
  const snapshot = snapshotOf({ services: [older, younger], endpoints });
  const resource = translate(snapshot, context, createMemo()).resources(typeUrls.endpoints).get(localClusterName);
  return (
    resource &&
    fromBinary(ClusterLoadAssignmentSchema, resource.bytes).endpoints.flatMap(({ locality, lbEndpoints }) =>
      lbEndpoints.map(({ hostIdentifier: { value } }) => `${locality?.zone} ${JSON.stringify(value)}`),
    )
  );
}

describe('local_cluster', () => {
  it('is told proxies that ask for it: healthy instances of their oldest service, of their region and ReplicaSet', () => {
    expect(localAddresses({})).toBeUndefined();
    expect(localAddresses({ ENABLE_SELF_DISCOVERY: 'true' })).toEqual([
      expect.stringMatching(/^z1 .*10\.0\.0\.1/),
      expect.stringMatching(/^z2 .*10\.0\.0\.2/),
    ]);
  });
});
