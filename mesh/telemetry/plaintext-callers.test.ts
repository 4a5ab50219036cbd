import { describe, expect, it } from 'vitest';
import { plaintextCallers } from './plaintext-callers.ts';

const requests = {
  __name__: 'istio_requests_total',
  source_workload: 'old-web',
  source_workload_namespace: 'shop',
  destination_service: 'reviews.shop.svc.cluster.local',
};
const series = (metric: object, ...values: readonly (readonly [number, number])[]) => ({
  metric: { ...requests, ...metric },
  values: values.map(([seconds, value]) => [seconds, String(value)] as const),
});
const sinceMs = 100_000;

describe('plaintext callers', () => {
  it('are those whose counts grew, and nobody whose did not', () => {
    const found = plaintextCallers(
      [series({}, [90, 7], [110, 9], [120, 10], [130, 10]), series({ source_workload: 'quiet' }, [90, 5], [130, 5])],
      sinceMs,
    );
    expect(found).toEqual([
      {
        source: 'shop/old-web',
        destination: requests.destination_service,
        requests: 3,
        connections: 0,
        lastMs: 120_000,
      },
    ]);
  });
  it('count from nothing where the counter is new or began anew', () => {
    expect(plaintextCallers([series({}, [110, 1])], sinceMs)).toMatchObject([{ requests: 1, lastMs: 110_000 }]);
    expect(plaintextCallers([series({}, [90, 50], [110, 52], [120, 4])], sinceMs)).toMatchObject([{ requests: 6 }]);
  });
  it('are one for all codes and servers, requests apart from connections, the last seen first', () => {
    const found = plaintextCallers(
      [
        series({ response_code: '200' }, [110, 4]),
        series({ response_code: '503' }, [120, 2]),
        series({ __name__: 'istio_tcp_connections_opened_total' }, [115, 3]),
        series({ source_workload: 'unknown', source_workload_namespace: 'unknown' }, [130, 1]),
      ],
      sinceMs,
    );
    expect(found).toEqual([
      { destination: requests.destination_service, requests: 1, connections: 0, lastMs: 130_000 },
      {
        source: 'shop/old-web',
        destination: requests.destination_service,
        requests: 6,
        connections: 3,
        lastMs: 120_000,
      },
    ]);
  });
});
