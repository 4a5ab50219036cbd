// How planned events become JetStream messages and messages become events again: one event a message, several in a huge append.
import { MeshError } from '../../lib/mesh-error.ts';
import { encodePlaced } from '../event-codec.ts';
import type { PlannedEvent } from './append-plan.ts';
import { subjectOfTokens, subjectTokens } from './jetstream-subject.ts';
import { kindOf, type StoredMessage } from './shared-stream.ts';

/** A message to publish. */
export interface OutgoingMessage {
  /** Below the log's own prefix. */
  readonly subject: string;
  /** `kindOf` all its events' subjects. */
  readonly kind: string;
  /** Canonical texts of its events, in order. */
  readonly texts: readonly string[];
}

/** Headers of the server's atomic batches (NATS ADR-50). Stored with the message, so readers learn from them where batches end. */
export const batchHeaders = {
  id: 'Nats-Batch-Id',
  sequence: 'Nats-Batch-Sequence',
  commit: 'Nats-Batch-Commit',
} as const;

/** Most messages in an atomic batch (the server's default; error 10199 beyond). */
export const maxBatchMessages = 1000;

/** Size of a message that holds several events: few messages for a huge append, none that delays the others for long. */
const packBytes = 128 * 1024;

/** What headers and subject may take of the server's `max_payload`. */
const headerBytes = 8 * 1024;

/**
 * The messages that store `planned` as one atomic batch. Up to a thousand events take a message each; more are packed, neighbours of one
 * kind (`kindOf` the subject) into one message, so that permissions by subject still hold.
 * Throws MeshError `exhausted` when an event is larger than the server takes, or when even packing leaves too many messages.
 */
export function messagesOf(planned: readonly PlannedEvent[], maxPayload: number): readonly OutgoingMessage[] {
  const maxBytes = maxPayload - headerBytes;
  const packed = planned.length > maxBatchMessages;
  const messages: { subject: string; texts: string[]; bytes: number; kind: string }[] = [];
  for (const { event, dataJson } of planned) {
    const text = encodePlaced(event, event, dataJson);
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes) throw tooLarge(event.id, bytes, maxBytes);
    const kind = kindOf(event.subject);
    const last = messages.at(-1);
    if (packed && last?.kind === kind && last.bytes + bytes < Math.min(packBytes, maxBytes)) {
      last.texts.push(text);
      last.bytes += bytes + 1;
    } else messages.push({ subject: subjectTokens(event.subject), texts: [text], bytes, kind });
  }
  if (messages.length <= maxBatchMessages) return messages;
  const message = `an append of ${planned.length} events takes ${messages.length} messages; at most ${maxBatchMessages} can be stored at once`;
  throw new MeshError('exhausted', message);
}

function tooLarge(id: string, bytes: number, maxBytes: number): MeshError {
  const message = `event ${id} has ${bytes} bytes, the NATS server takes ${maxBytes}: raise max_payload in its configuration`;
  return new MeshError('exhausted', message);
}

/** A message's body: canonical JSON holds no line feed, so lines are events. */
export function encodeTexts(texts: readonly string[]): string {
  return texts.join('\n');
}

/** Reads a stored message. `subject` is below the log's own prefix; `header` gives a header's value or ''. */
export function storedMessage(
  place: { readonly sequence: number; readonly subject: string },
  body: string,
  header: (name: string) => string,
): StoredMessage {
  const kind = kindOf(subjectOfTokens(place.subject.split('.', 2).join('.')));
  const endsBatch = header(batchHeaders.id) === '' || header(batchHeaders.commit) !== '';
  return { sequence: place.sequence, kind, texts: body.split('\n'), endsBatch };
}
