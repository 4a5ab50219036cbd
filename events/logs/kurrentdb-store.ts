// A KurrentDB stream as a shared log needs it: one event a record, the stream's revision is the position.
import { ErrorType, jsonEvent, NO_STREAM, START } from '@kurrent/kurrentdb-client';
import { MeshError } from '../../lib/mesh-error.ts';
import type { PlannedEvent } from './append-plan.ts';
import { messageOfRecord, outgoingEvents, storedMessages } from './kurrentdb-event.ts';
import { errorTypeOf, type KurrentDbLink } from './kurrentdb-link.ts';
import type { MessageChunk, SharedStream, StoredMessage } from './shared-stream.ts';

/** Records that one request asks for: the round trip is spread over many, and memory stays bounded. */
const requestRecords = 1000;
/** Characters after which a request is cut short all the same. */
const requestChars = 8 * 1024 * 1024;

/** See the file's first line. Reads go to the leader: a node that is behind would look like a log that has lost its end. */
export class KurrentDbStore implements SharedStream {
  readonly name: string;
  /** Well below MaxAppendSize (1 MiB by default) with events of common size; who is larger goes alone. */
  readonly groupEvents = 500;
  readonly #link: KurrentDbLink;

  constructor(link: KurrentDbLink, name: string) {
    this.#link = link;
    this.name = name;
  }

  get connected(): boolean {
    return this.#link.connected;
  }

  async lastSequence(): Promise<number> {
    const options = { direction: 'backwards', fromRevision: 'end', maxCount: 1, requiresLeader: true } as const;
    return await this.#link.ask(async (client) => {
      try {
        for await (const { event } of client.readStream(this.name, options))
          if (event !== undefined) return Number(event.revision) + 1;
      } catch (error) {
        if (errorTypeOf(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
      }
      return 0;
    });
  }

  async *messages(from: number, to: number): AsyncGenerator<MessageChunk> {
    let next = from;
    let fetching = next > to ? undefined : this.#fetch(next, to);
    while (fetching !== undefined) {
      const messages = await fetching;
      next += messages.length;
      if (messages.length === 0) {
        if ((await this.lastSequence()) >= next && (await this.#fetch(next, next)).length === 0)
          return yield { messages, missing: next };
        throw new MeshError('unavailable', `the stream ${this.name} ends before message ${next}`);
      }
      fetching = next > to ? undefined : this.#fetch(next, to);
      // Whoever stops reading leaves it behind.
      fetching?.catch(() => {});
      yield { messages };
    }
  }

  /** The messages from `from` on, up to the first that is not where it should be. */
  async #fetch(from: number, to: number): Promise<readonly StoredMessage[]> {
    const fromRevision = BigInt(from - 1);
    const maxCount = Math.min(to - from + 1, requestRecords);
    return await this.#link.ask(async (client) => {
      const messages: StoredMessage[] = [];
      let chars = 0;
      try {
        for await (const { event } of client.readStream(this.name, { fromRevision, maxCount, requiresLeader: true })) {
          if (event === undefined || Number(event.revision) + 1 !== from + messages.length) break;
          const message = messageOfRecord(event);
          messages.push(message);
          chars += message.texts[0]?.length ?? 0;
          if (chars >= requestChars) break;
        }
      } catch (error) {
        if (errorTypeOf(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
      }
      return messages;
    });
  }

  async publish(planned: readonly PlannedEvent[], after: number): Promise<readonly StoredMessage[] | undefined> {
    const events = outgoingEvents(planned).map((event) => jsonEvent(event));
    const streamState = after === 0 ? NO_STREAM : BigInt(after - 1);
    const last = await this.#link.ask(async (client) => {
      try {
        const result = await client.appendToStream(this.name, events, { streamState });
        return result.success ? Number(result.nextExpectedRevision) + 1 : undefined;
      } catch (error) {
        if (errorTypeOf(error) !== ErrorType.WRONG_EXPECTED_VERSION) throw error;
        return undefined;
      }
    });
    if (last === undefined) return undefined;
    if (last === after + planned.length) return storedMessages(planned, after + 1);
    // A stream that was deleted goes on with its old numbers.
    const message = `position ${after + 1}: ${this.name} stored it as revision ${last - planned.length}: the stream's beginning was deleted`;
    throw new MeshError('corrupt', message);
  }

  async follow({ after, signal, take }: Parameters<SharedStream['follow']>[0]): Promise<void> {
    const fromRevision = after === 0 ? START : BigInt(after - 1);
    const subscription = this.#link.client.subscribeToStream(this.name, { fromRevision, requiresLeader: true });
    // Cancelling ends no `for await` over it: hence events.
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        signal.removeEventListener('abort', stop);
        subscription.removeAllListeners('data');
        void subscription.unsubscribe().catch(() => {});
        resolve();
      };
      subscription.on('data', ({ event }) => {
        if (event !== undefined && !take(messageOfRecord(event))) stop();
      });
      // Stays: what is cancelled may still fail, and nobody else listens.
      subscription.on('error', (error) => {
        signal.removeEventListener('abort', stop);
        reject(this.#link.failed(error));
      });
      subscription.on('close', stop);
      subscription.on('end', stop);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
  }
}
