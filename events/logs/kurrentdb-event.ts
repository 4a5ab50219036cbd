// A planned event as KurrentDB stores it, and back: its data is the data, the rest of the envelope the metadata, in one stream a log.
import type { JSONType } from '@kurrent/kurrentdb-client';
import type { RecordedEvent } from '../envelope.ts';
import { encodeEvent, encodePlaced } from '../event-codec.ts';
import type { PlannedEvent } from './append-plan.ts';
import { kindOf, type StoredMessage } from './shared-stream.ts';

/** An event for the client's `jsonEvent`. */
export interface OutgoingEvent {
  /** A UUID made of the event's hash: KurrentDB takes an append that it has stored already for the retry that it is. */
  readonly id: string;
  readonly type: string;
  readonly data: JSONType;
  readonly metadata: Record<string, unknown>;
}

/** The parts that count of what the client reads (its `RecordedEvent`). */
export interface IncomingRecord {
  /** 0, 1, 2, … within its stream. */
  readonly revision: bigint;
  readonly type: string;
  readonly data: unknown;
  readonly metadata: unknown;
}

/** Name in the metadata of what says that a batch ends with this event. */
const endsBatchKey = 'endsBatch';

/** The events of one append; the last one ends the batch. */
export function outgoingEvents(planned: readonly PlannedEvent[]): readonly OutgoingEvent[] {
  return planned.map(({ dataJson, event, hash }, i) => {
    const { data: _, type, ...envelope } = event;
    const metadata = { ...envelope, [endsBatchKey]: i === planned.length - 1 };
    return { id: uuidOfHash(hash), type, data: JSON.parse(dataJson) as JSONType, metadata };
  });
}

/** The same events as `messageOfRecord` will read them, the first being the stream's message `first`. */
export function storedMessages(planned: readonly PlannedEvent[], first: number): readonly StoredMessage[] {
  return planned.map(({ dataJson, event }, i) => ({
    sequence: first + i,
    kind: kindOf(event.subject),
    texts: [encodePlaced(event, event, dataJson)],
    endsBatch: i === planned.length - 1,
  }));
}

/** A record as a stream's message. One that is no event of ours gives a text that the replica refuses as corrupt. */
export function messageOfRecord({ data, metadata, revision, type }: IncomingRecord): StoredMessage {
  const envelope = typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {};
  const { subject } = envelope;
  return {
    sequence: Number(revision) + 1,
    kind: typeof subject === 'string' ? kindOf(subject) : '',
    texts: [textOf({ ...envelope, type, data })],
    endsBatch: envelope[endsBatchKey] === true,
  };
}

/** Its canonical text, which is what was hashed. */
function textOf(event: Readonly<Record<string, unknown>>): string {
  try {
    return encodeEvent(event as unknown as RecordedEvent);
  } catch {
    return 'not an event of this log';
  }
}

/** 128 bits of a hash as a UUID of version 8 (RFC 9562): six bits give way to version and variant. */
function uuidOfHash(hash: string): string {
  const bytes = Buffer.from(hash, 'base64url');
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
