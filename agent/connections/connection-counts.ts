// Counts TCP connections and their bytes, open ones included, by Istio's labels: from what Envoy's access log says of each.
import type { TCPAccessLogEntry } from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { AccessLogType } from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import {
  combinedTags,
  connectionLog,
  connectionMetrics,
  statNames,
  statsPrefix,
} from '../../mesh/telemetry/metric-tags.ts';
import { standardLabels } from '../../mesh/telemetry/standard-labels.ts';
import { factsText, type WorkloadFacts } from '../../mesh/telemetry/workload-facts.ts';

/** One of Istio's metrics of connections. */
type ConnectionMetric = (typeof connectionMetrics)[number];

/** What bounds the memory of one agent. */
export interface CountLimits {
  /** Series of all four metrics; as many as Envoy's scope keeps of requests. */
  readonly maxSeries: number;
  /** Connections that are remembered: twice what Envoy's overload manager lets be open. */
  readonly maxConnections: number;
}

const defaultLimits: CountLimits = { maxSeries: 10_000, maxConnections: 100_000 };

/** Bytes of a connection that are counted already. */
interface Counted {
  readonly sent: bigint;
  readonly received: bigint;
}

const nothing: Counted = { sent: 0n, received: 0n };

/** See the file's first line. An entry that was lost is made good by the next one: each tells all bytes so far. */
export class ConnectionCounts {
  readonly #own: WorkloadFacts;
  readonly #limits: CountLimits;
  /** Values by labels, by metric. */
  readonly #series = new Map<ConnectionMetric, Map<string, bigint>>(connectionMetrics.map((name) => [name, new Map()]));
  /** Open connections by Envoy's id, the longest silent first. */
  readonly #open = new Map<string, Counted>();
  #seriesCount = 0;
  #uncounted = 0;

  constructor(own: WorkloadFacts, limits: CountLimits = defaultLimits) {
    this.#own = own;
    this.#limits = limits;
  }

  /** Counts an entry; `source`: who a server's proxy knows to be at the other end. */
  take(entry: TCPAccessLogEntry, source?: WorkloadFacts): void {
    const common = entry.commonProperties;
    if (common === undefined) return;
    const { sentBytes = 0n, receivedBytes = 0n } = entry.connectionProperties ?? {};
    const before = this.#open.get(common.streamId);
    const isEnd = common.accessLogType === AccessLogType.TcpConnectionEnd;
    this.#remember(common.streamId, isEnd ? undefined : { sent: sentBytes, received: receivedBytes });
    const { sent, received } = before ?? nothing;
    const added: Readonly<Record<ConnectionMetric, bigint>> = {
      // One that reached no host is told of when it ends, and never before.
      TCP_OPENED_CONNECTIONS: before === undefined ? 1n : 0n,
      TCP_CLOSED_CONNECTIONS: isEnd ? 1n : 0n,
      TCP_SENT_BYTES: sentBytes - sent,
      TCP_RECEIVED_BYTES: receivedBytes - received,
    };
    const told = new Map(Object.entries(common.customTags));
    const wanted = new Set((told.get(connectionLog.metrics) ?? '').split(','));
    for (const metric of connectionMetrics) {
      const isDue = added[metric] > 0n || (isEnd && metric !== 'TCP_OPENED_CONNECTIONS');
      if (isDue && wanted.has(metric)) this.#add(metric, this.#labels(metric, told, source), added[metric]);
    }
  }

  /** Prometheus text of all series; '' before the first connection. */
  text(): string {
    const lines = [...this.#series].flatMap(([metric, series]) => {
      const name = `${statsPrefix}_${statNames[metric]}`;
      if (series.size === 0) return [];
      return [`# TYPE ${name} counter`, ...[...series].map(([labels, value]) => `${name}{${labels}} ${value}`)];
    });
    return lines.map((line) => `${line}\n`).join('');
  }

  /** Additions for which there was no room. */
  get uncounted(): number {
    return this.#uncounted;
  }

  #remember(id: string, counted: Counted | undefined): void {
    this.#open.delete(id);
    if (counted === undefined) return;
    const [longestSilent] = this.#open.size >= this.#limits.maxConnections ? this.#open.keys() : [];
    if (longestSilent !== undefined) this.#open.delete(longestSilent);
    this.#open.set(id, counted);
  }

  #add(metric: ConnectionMetric, labels: string, amount: bigint): void {
    const series = this.#series.get(metric);
    const value = series?.get(labels);
    if (value === undefined) {
      if (this.#seriesCount >= this.#limits.maxSeries) {
        this.#uncounted++;
        return;
      }
      this.#seriesCount++;
    }
    series?.set(labels, (value ?? 0n) + amount);
  }

  #labels(metric: ConnectionMetric, told: ReadonlyMap<string, string>, source: WorkloadFacts | undefined): string {
    const tags = new Map<string, string>(source === undefined ? [] : [[combinedTags.source, factsText(source)]]);
    // Tags of one metric come behind those of all, which they replace; what is sorted is the same text for the same labels.
    const named = [...told].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [tag, value] of named) if (!tag.includes('/') && tag !== connectionLog.metrics) tags.set(tag, value);
    for (const [tag, value] of named) if (tag.startsWith(`${metric}/`)) tags.set(tag.slice(metric.length + 1), value);
    const labels = standardLabels(tags, this.#own);
    return [...labels].map(([name, value]) => `${name}="${escaped(value)}"`).join();
  }
}

/** As label values are written (prometheus.io/docs/instrumenting/exposition_formats). */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
