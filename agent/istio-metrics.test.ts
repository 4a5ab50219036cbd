// Envoy's counts become Istio's series: every label, equal series added, nothing else touched.
import { describe, expect, it } from 'vitest';
import { workloadFacts } from '../mesh/telemetry/workload-facts.ts';
import { istioMetrics } from './istio-metrics.ts';

const own = workloadFacts({
  workload: 'reviews-v1',
  namespace: 'default',
  labels: { app: 'reviews', version: 'v1' },
  cluster: 'c1',
});

const clientTags = (over: string) =>
  `reporter="source",periplus_destination="outbound|80||ratings.shop.svc.cluster.local~-~ratings-v2;shop;ratings;v2;c1~-",response_code="200"${over}`;

/** The labels of the only sample of `metric`. */
function labelsOf(text: string, metric: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`));
  expect(lines).toHaveLength(1);
  return Object.fromEntries([...(lines[0] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
}

describe('istioMetrics', () => {
  it('given a client’s count, names both workloads and the service', () => {
    const text = `# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{${clientTags('')}} 3\n`;
    const out = istioMetrics(text, own);
    expect(out).toContain('# TYPE istio_requests_total counter\n');
    expect(labelsOf(out, 'istio_requests_total')).toMatchObject({
      reporter: 'source',
      source_workload: 'reviews-v1',
      source_cluster: 'c1',
      destination_workload: 'ratings-v2',
      destination_workload_namespace: 'shop',
      destination_app: 'ratings',
      destination_version: 'v2',
      destination_service: 'ratings.shop.svc.cluster.local',
      destination_service_name: 'ratings',
      destination_service_namespace: 'shop',
      request_protocol: 'http',
    });
  });

  it('given a server’s count, believes the peer only within its certificate’s namespace', () => {
    const server = (principal: string) =>
      istioMetrics(
        `# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{reporter="destination",periplus_source="web-v1;shop;web;v1;c1;web;v1",source_principal="${principal}",response_code="200"} 1\n`,
        own,
      );
    const honest = labelsOf(server('spiffe://cluster.local/ns/shop/sa/web'), 'istio_requests_total');
    expect(honest).toMatchObject({ source_workload: 'web-v1', source_workload_namespace: 'shop' });
    const liar = labelsOf(server('spiffe://cluster.local/ns/evil/sa/web'), 'istio_requests_total');
    expect(liar).toMatchObject({ source_workload: 'unknown', source_workload_namespace: 'evil' });
  });

  it('adds up series that a removed label makes equal, buckets included', () => {
    const sample = (version: string, le: string, value: number) =>
      `envoy_istio_request_bytes_bucket{reporter="source",periplus_removed="response_flags",response_flags="${version}",le="${le}"} ${value}`;
    const lines = [sample('-', '0.5', 1), sample('-', '+Inf', 2), sample('UH', '0.5', 3), sample('UH', '+Inf', 4)];
    const out = istioMetrics(`# TYPE envoy_istio_request_bytes histogram\n${lines.join('\n')}\n`, own);
    expect(out).not.toContain('response_flags');
    expect(
      out
        .split('\n')
        .filter((line) => line.includes('_bucket'))
        .map((line) => line.slice(line.indexOf('le='))),
    ).toEqual(['le="0.5"} 4', 'le="+Inf"} 6']);
  });

  it('counts the messages of streams, not the streams', () => {
    const sample = (messages: string, streams: number) =>
      `{${clientTags(`,grpc_response_status="0",periplus_messages="${messages}"`)}} ${streams}`;
    const of = (name: string) =>
      `# TYPE envoy_istio_${name} counter\nenvoy_istio_${name}${sample('1,1', 5)}\nenvoy_istio_${name}${sample('2,7', 3)}\n`;
    const out = istioMetrics(of('request_messages_total') + of('response_messages_total'), own);
    expect(out).toMatch(/istio_request_messages_total\{.*request_protocol="grpc".*\} 11\n/);
    expect(out).toMatch(/istio_response_messages_total\{.*\} 26\n/);
  });

  it('calls traffic without a service by its cluster, and what met none unknown', () => {
    const of = (cluster: string) =>
      labelsOf(
        istioMetrics(
          `# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{reporter="source",periplus_destination="${cluster}~-~-~-",response_code="502"} 1\n`,
          own,
        ),
        'istio_requests_total',
      );
    expect(of('PassthroughCluster')).toMatchObject({ destination_service_name: 'PassthroughCluster' });
    expect(of('-')).toMatchObject({ destination_service: 'unknown', destination_workload: 'unknown' });
  });

  it('lets a Telemetry’s tag replace a standard label, and keeps all other metrics', () => {
    const other = '# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n';
    const text = `${other}# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{${clientTags(',destination_service="mine",extra="x\\"y"')}} 1\n`;
    const out = istioMetrics(text, own);
    expect(out).toContain(other);
    expect(out).toContain('destination_service="mine"');
    expect(out).toContain('extra="x\\"y"');
  });
});
