import { describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../../lib/logger.ts';
import { parseDocuments } from '../../../mesh/config/parse.ts';
import { mixerHostname, mixerPortName, mixerService } from '../../../mesh/policy/mixer-service.ts';
import { endpointAt, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { MixerMetrics } from '../metrics.ts';
import { tellApartCounts } from './apart-counts.ts';

const quota = (spec: string) => `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec: { rules: [{ quota: { ${spec} } }] }
`;
const mixer = (name: string, address: string) => ({
  ...endpointAt(mixerService, address, { ports: { [mixerPortName]: 9091 } }),
  ...{ id: `${name}-9091`, hostname: mixerHostname, workload: name },
});

function told(policy: string, ...mixers: readonly string[]) {
  const metrics = new MixerMetrics();
  const errors: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (fields: unknown) => errors.push(fields) };
  const take = tellApartCounts({ name: 'a', metrics, logger });
  const { objects, problems } = parseDocuments(policy);
  expect(problems).toEqual([]);
  const snapshot = snapshotOf({
    services: [mixerService],
    endpoints: mixers.map((name, i) => mixer(name, `10.0.0.${i + 1}`)),
    config: objects.flatMap((one) => (one.type === 'config' ? [one.resource] : [])),
  });
  take(snapshot);
  take(snapshot);
  return { errors, count: /mixer_apart_counters (\d+)/.exec(metrics.text())?.[1] };
}

describe('counts that are apart', () => {
  const strict = quota('limit: 5, window: 1m');

  it('are told once, with the other Mixers and the rules', () => {
    expect(told(strict, 'a', 'b')).toEqual({ errors: [{ others: ['b'], rules: ['Policy/default/p[0]'] }], count: '1' });
    expect(told(quota('limit: 5, window: 1m, mode: LEASED'), 'b', 'c').count).toBe('2');
  });

  it('are none with one Mixer, without quotas, or where each proxy counts for itself', () => {
    const nothing = { errors: [], count: '0' };
    expect(told(strict, 'a')).toEqual(nothing);
    expect(told(strict)).toEqual(nothing);
    expect(told(quota('limit: 5, window: 1m, mode: PER_PROXY'), 'a', 'b')).toEqual(nothing);
    expect(told('apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\n', 'a', 'b')).toEqual(nothing);
  });
});
