// An entry of Envoy's TCP access log as attributes: a connection that opens, goes on or ends.
import { AccessLogType, type TCPAccessLogEntry } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { type Attributes, type AttributeValue, attributesBy } from '../../../mesh/policy/attributes.ts';
import { knownAttributes, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { spanMs } from '../check/envoy-time.ts';
import { given } from '../check/http-attributes.ts';
import { sourceAttribute } from '../check/source-workload.ts';
import { connectionAttribute, sourceOf } from './connection-attributes.ts';

/** What attributes are made of. */
export interface TcpEntryContext {
  readonly entry: TCPAccessLogEntry;
  readonly facts: WorkloadFacts;
  /** For who is behind the source address; undefined: not known. */
  readonly registry: RegistryView | undefined;
  readonly nowMs: number;
  /** Bytes that the report before told of; undefined: not known. */
  readonly before: CountedBytes | undefined;
}

/** Bytes of a connection so far. */
export interface CountedBytes {
  readonly sent: number;
  readonly received: number;
}

/** All that were there when the entry was made. */
export function bytesSoFar({ connectionProperties }: TCPAccessLogEntry): CountedBytes {
  const { sentBytes = 0n, receivedBytes = 0n } = connectionProperties ?? {};
  return { sent: Number(sentBytes), received: Number(receivedBytes) };
}

/** The attributes of one connection. Those of requests are absent. */
export function tcpEntryAttributes({ entry, facts, registry, nowMs, before }: TcpEntryContext): Attributes {
  const known = knownAttributes(facts);
  const { commonProperties: common } = entry;
  return attributesBy((name) => {
    if (known.has(name)) return known.get(name);
    if (name.startsWith('source.')) return sourceAttribute(name, sourceOf(common, registry));
    return tcpAttribute(name, entry, before) ?? connectionAttribute(name, { common, facts, nowMs });
  });
}

function tcpAttribute(
  name: string,
  entry: TCPAccessLogEntry,
  before: CountedBytes | undefined,
): AttributeValue | undefined {
  const { commonProperties: common } = entry;
  const total = bytesSoFar(entry);
  switch (name) {
    case 'connection.received.bytes':
      return before && total.received - before.received;
    case 'connection.received.bytes_total':
      return total.received;
    case 'connection.sent.bytes':
      return before && total.sent - before.sent;
    case 'connection.sent.bytes_total':
      return total.sent;
    case 'connection.duration':
      return spanMs(common?.duration);
    case 'connection.id':
      return given(common?.streamId);
    case 'connection.event':
      return eventsByType.get(common?.accessLogType ?? AccessLogType.NotSet) ?? 'close';
    case 'context.protocol':
    case 'api.protocol':
      return 'tcp';
    default:
      return undefined;
  }
}

const eventsByType: ReadonlyMap<AccessLogType, string> = new Map([
  [AccessLogType.TcpUpstreamConnected, 'open'],
  [AccessLogType.TcpPeriodic, 'continue'],
]);
