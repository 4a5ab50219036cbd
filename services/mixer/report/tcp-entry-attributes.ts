// An entry of Envoy's TCP access log as attributes: one connection that has ended.
import type { TCPAccessLogEntry } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { type Attributes, type AttributeValue, attributesBy } from '../../../mesh/policy/attributes.ts';
import { knownAttributes, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { spanMs } from '../check/envoy-time.ts';
import { sourceAttribute } from '../check/source-workload.ts';
import { connectionAttribute, sourceOf } from './connection-attributes.ts';

/** What attributes are made of. */
export interface TcpEntryContext {
  readonly entry: TCPAccessLogEntry;
  readonly facts: WorkloadFacts;
  /** For who is behind the source address; undefined: not known. */
  readonly registry: RegistryView | undefined;
  readonly nowMs: number;
}

/** The attributes of one connection. Those of requests are absent. */
export function tcpEntryAttributes({ entry, facts, registry, nowMs }: TcpEntryContext): Attributes {
  const known = knownAttributes(facts);
  const { commonProperties: common } = entry;
  return attributesBy((name) => {
    if (known.has(name)) return known.get(name);
    if (name.startsWith('source.')) return sourceAttribute(name, sourceOf(common, registry));
    return tcpAttribute(name, entry) ?? connectionAttribute(name, { common, facts, nowMs });
  });
}

function tcpAttribute(
  name: string,
  { connectionProperties, commonProperties }: TCPAccessLogEntry,
): AttributeValue | undefined {
  switch (name) {
    // The entry is written when the connection ends: its bytes are all there were.
    case 'connection.received.bytes':
    case 'connection.received.bytes_total':
      return Number(connectionProperties?.receivedBytes ?? 0n);
    case 'connection.sent.bytes':
    case 'connection.sent.bytes_total':
      return Number(connectionProperties?.sentBytes ?? 0n);
    case 'connection.duration':
      return spanMs(commonProperties?.duration);
    case 'connection.event':
      return 'close';
    case 'context.protocol':
    case 'api.protocol':
      return 'tcp';
    default:
      return undefined;
  }
}
