// A JetStream stream as a shared log needs it: the parts that read, publish and consume, put together.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { PlannedEvent } from './append-plan.ts';
import { consumeStream } from './jetstream-consume.ts';
import type { NatsLink } from './jetstream-link.ts';
import { maxBatchMessages, messagesOf } from './jetstream-message.ts';
import { publishBatch } from './jetstream-publish.ts';
import { type StreamName, StreamReader } from './jetstream-reader.ts';
import type { SharedStream, StoredMessage } from './shared-stream.ts';

/** What a server takes in a message until it has said so itself: its default. */
const defaultMaxPayload = 1024 * 1024;

/** See the file's first line. */
export class JetStreamStore implements SharedStream {
  readonly name: string;
  readonly groupEvents = maxBatchMessages;
  readonly messages: SharedStream['messages'];
  readonly lastSequence: SharedStream['lastSequence'];
  readonly follow: SharedStream['follow'];
  readonly #link: NatsLink;
  readonly #subjectPrefix: string;

  constructor(link: NatsLink, name: StreamName, clock: Clock) {
    const reader = new StreamReader(link, name, clock);
    this.name = name.stream;
    this.#link = link;
    this.#subjectPrefix = name.subjectPrefix;
    this.messages = (from, to) => reader.messages(from, to);
    this.lastSequence = () => reader.lastSequence();
    this.follow = (options) => consumeStream(link, name, options);
  }

  get connected(): boolean {
    return this.#link.connected;
  }

  async publish(planned: readonly PlannedEvent[], after: number): Promise<readonly StoredMessage[] | undefined> {
    const messages = messagesOf(planned, this.#link.connection.info?.max_payload ?? defaultMaxPayload);
    const publication = { subjectPrefix: this.#subjectPrefix, messages, lastSequence: after, batchId: randomUUID() };
    const published = await publishBatch(this.#link, publication);
    if (!published.ok) return undefined;
    const last = messages.length - 1;
    return messages.map(({ kind, texts }, i) => ({ sequence: after + 1 + i, kind, texts, endsBatch: i === last }));
  }
}
