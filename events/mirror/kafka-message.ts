// A recorded event as a Kafka message in the binary mode of CloudEvents' Kafka binding (github.com/cloudevents/spec, kafka-protocol-binding.md).
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { MirrorPlace } from './mirror-target.ts';

/** A message for a producer with string serializers. */
export interface KafkaMessage {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
  /** Milliseconds since the epoch. */
  readonly timestamp: bigint;
}

/**
 * The event with its data as value, its attributes as headers `ce_…`, its subject as key (so a subject's events stay in one partition, in
 * order) and its time as timestamp. Extensions are those of cloud-event.ts, and `ce_log`: which log it is of. A consumer that has
 * seen a log's `ce_position`, or a higher one of the same key, may drop the message: it was sent again.
 */
export function messageOfEvent(event: RecordedEvent, topic: string, log: string): KafkaMessage {
  const { causes, data, position, previousHash, version, dataversion, ...attributes } = event;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) headers[`ce_${name}`] = value;
  headers.ce_causes = JSON.stringify(causes);
  headers.ce_position = String(position);
  headers.ce_previoushash = previousHash;
  headers.ce_version = String(version);
  if (dataversion !== undefined) headers.ce_dataversion = String(dataversion);
  headers.ce_log = log;
  return { topic, key: event.subject, value: canonicalJson(data), headers, timestamp: BigInt(Date.parse(event.time)) };
}

/** How far a log's copy goes, as a message of the compacted topic that keeps it. */
export function messageOfPlace(place: MirrorPlace, topic: string, log: string): Omit<KafkaMessage, 'timestamp'> {
  const { position, hash } = place;
  return { topic, key: log, value: JSON.stringify({ position, hash }), headers: {} };
}

/** Reads what `messageOfPlace` wrote. Throws MeshError `corrupt` when it is something else. */
export function placeOfValue(value: string): MirrorPlace {
  try {
    const { position, hash } = JSON.parse(value) as Partial<MirrorPlace>;
    if (Number.isSafeInteger(position) && position !== undefined && typeof hash === 'string') return { position, hash };
  } catch (error) {
    throw new MeshError('corrupt', `the mirror's position is damaged: ${messageOf(error)}`);
  }
  throw new MeshError('corrupt', "the mirror's position is damaged: it has no position and hash");
}
