// Connections are counted by what Envoy says of them, whatever is lost on the way, and never beyond the bounds.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AccessLogType, TCPAccessLogEntrySchema } from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { connectionLog, connectionMetrics } from '../../mesh/telemetry/metric-tags.ts';
import { workloadFacts } from '../../mesh/telemetry/workload-facts.ts';
import { ConnectionCounts } from './connection-counts.ts';

const factsOf = (name: string) =>
  workloadFacts({ workload: `${name}-v1`, namespace: 'shop', labels: { app: name, version: 'v1' }, cluster: 'c1' });
const { TcpUpstreamConnected: opened, TcpPeriodic: open, TcpConnectionEnd: ended } = AccessLogType;

interface Told {
  readonly id?: string;
  readonly sent?: number;
  readonly received?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

function entry(accessLogType: AccessLogType, { id = 'a', sent = 0, received = 0, tags = {} }: Told = {}) {
  const wanted = { reporter: 'destination', response_flags: '-', [connectionLog.metrics]: connectionMetrics.join() };
  return create(TCPAccessLogEntrySchema, {
    commonProperties: { streamId: id, accessLogType, customTags: { ...wanted, ...tags } },
    connectionProperties: { sentBytes: BigInt(sent), receivedBytes: BigInt(received) },
  });
}

/** `metric` without its prefix, summed over its series; undefined where there is none. */
function total(counts: ConnectionCounts, metric: string): number | undefined {
  const values = [...counts.text().matchAll(new RegExp(`^istio_tcp_${metric}_total\\{.*\\} (\\d+)$`, 'gm'))];
  return values.length === 0 ? undefined : values.reduce((sum, [, value]) => sum + Number(value), 0);
}

const totals = (counts: ConnectionCounts) =>
  ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes'].map((name) => total(counts, name));

describe('ConnectionCounts', () => {
  it('counts a connection when it opens, its bytes as they come, and its end', () => {
    const counts = new ConnectionCounts(factsOf('db'));
    counts.take(entry(opened));
    expect(totals(counts)).toEqual([1, undefined, undefined, undefined]);
    counts.take(entry(open, { sent: 10, received: 4 }));
    counts.take(entry(open, { sent: 25, received: 4 }));
    expect(totals(counts)).toEqual([1, undefined, 25, 4]);
    counts.take(entry(ended, { sent: 30, received: 5 }));
    expect(totals(counts)).toEqual([1, 1, 30, 5]);
  });

  it('counts one that is told of at its end alone as opened too, and bytes that were lost with the next entry', () => {
    const counts = new ConnectionCounts(factsOf('db'));
    counts.take(entry(ended, { id: 'refused', tags: { response_flags: 'UH' } }));
    expect(totals(counts)).toEqual([1, 1, 0, 0]);
    counts.take(entry(open, { id: 'late', sent: 7 }));
    counts.take(entry(ended, { id: 'late', sent: 9, received: 2 }));
    expect(totals(counts)).toEqual([2, 2, 9, 2]);
  });

  it('names the workload at the other end, unless its certificate is of another namespace', () => {
    const counts = new ConnectionCounts(factsOf('db'));
    const principal = (namespace: string) => ({ source_principal: `spiffe://cluster.local/ns/${namespace}/sa/web` });
    counts.take(entry(opened, { id: 'a', tags: principal('shop') }), factsOf('web'));
    expect(counts.text()).toMatch(
      /reporter="destination",source_workload="web-v1",.*source_app="web",source_version="v1".*destination_workload="db-v1".*request_protocol="tcp".*\} 1\n/,
    );
    counts.take(entry(opened, { id: 'b', tags: principal('evil') }), factsOf('web'));
    expect(counts.text()).toMatch(/source_workload="unknown",source_workload_namespace="evil"/);
  });

  it('does as a Telemetry says of one metric: other tags, fewer tags, or none at all', () => {
    const counts = new ConnectionCounts(factsOf('db'));
    const tags = {
      [connectionLog.metrics]: 'TCP_OPENED_CONNECTIONS,TCP_SENT_BYTES',
      'TCP_SENT_BYTES/extra': 'x"y',
      'TCP_SENT_BYTES/periplus_removed': 'source_app,response_flags',
    };
    counts.take(entry(ended, { sent: 1, received: 1, tags }));
    expect(totals(counts)).toEqual([1, undefined, 1, undefined]);
    const [, opening = '', , sending = ''] = counts.text().split('\n');
    expect(opening).toContain('source_app="unknown"');
    expect(opening).not.toContain('extra');
    expect(sending).toContain('extra="x\\"y"');
    expect(sending).not.toMatch(/source_app|response_flags|periplus/);
  });

  it('keeps no more series than there is room for, and says what it left out', () => {
    const counts = new ConnectionCounts(factsOf('db'), { maxSeries: 2, maxConnections: 10 });
    for (const flags of ['A', 'B', 'C']) counts.take(entry(opened, { id: flags, tags: { response_flags: flags } }));
    counts.take(entry(opened, { id: 'again', tags: { response_flags: 'A' } }));
    expect(total(counts, 'connections_opened')).toBe(3);
    expect(counts.uncounted).toBe(1);
  });

  it('forgets the connection that was silent longest', () => {
    const counts = new ConnectionCounts(factsOf('db'), { maxSeries: 100, maxConnections: 2 });
    counts.take(entry(open, { id: 'silent', sent: 1 }));
    counts.take(entry(open, { id: 'first', sent: 1 }));
    counts.take(entry(open, { id: 'silent', sent: 2 }));
    counts.take(entry(open, { id: 'second', sent: 1 }));
    counts.take(entry(open, { id: 'silent', sent: 3 }));
    expect(total(counts, 'sent_bytes')).toBe(5);
  });
});
