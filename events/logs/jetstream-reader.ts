// Reads a span of a stream by direct gets (NATS ADR-31), a thousand messages a request, and notices messages that are not there.
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import type { Clock } from '../../lib/clock.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { answerMs, type NatsLink } from './jetstream-link.ts';
import { storedMessage } from './jetstream-message.ts';
import { streamState } from './jetstream-stream.ts';
import type { MessageChunk, StoredMessage } from './shared-stream.ts';

/** The stream of one log. */
export interface StreamName {
  readonly stream: string;
  /** Its messages' subjects begin with this and a dot. */
  readonly subjectPrefix: string;
}

/** Messages and bytes that one request asks for: the round trip is spread over many, and memory stays bounded. */
const requestMessages = 1000;
const requestBytes = 8 * 1024 * 1024;

/** How long, and how often, a replica that is behind its leader is asked again. */
const lagging = { tries: 40, waitMs: 50 } as const;

/** Reads one stream. */
export class StreamReader {
  readonly #link: NatsLink;
  readonly #name: StreamName;
  readonly #clock: Clock;

  constructor(link: NatsLink, name: StreamName, clock: Clock) {
    this.#link = link;
    this.#name = name;
    this.#clock = clock;
  }

  /** The messages `from` to `to`, both included; the next request is under way while a chunk is used. Rejects with `unavailable`. */
  async *messages(from: number, to: number): AsyncGenerator<MessageChunk> {
    let next = from;
    let tries = 0;
    let fetching = next > to ? undefined : this.#fetch(next, to);
    while (next <= to && fetching !== undefined) {
      const messages = contiguous(await fetching, next);
      next += messages.length;
      if (messages.length === 0) {
        if (await this.#isMissing(next)) return yield { messages, missing: next };
        // A direct get may be answered by a replica that is behind.
        if (++tries > lagging.tries) throw new MeshError('unavailable', 'the replicas of the stream are behind');
        await this.#clock.sleep(lagging.waitMs);
      } else tries = 0;
      fetching = next > to ? undefined : this.#fetch(next, to);
      // Whoever stops reading leaves it behind.
      fetching?.catch(() => {});
      if (messages.length > 0) yield { messages };
    }
  }

  /** The stream's last message; 0 when it is empty or gone. Rejects with `unavailable`. */
  async lastSequence(): Promise<number> {
    return (await streamState(this.#link, this.#name.stream))?.lastSequence ?? 0;
  }

  /** Whether the leader is beyond the message and has it not. One that was just elected may not know yet how far the stream goes. */
  async #isMissing(sequence: number): Promise<boolean> {
    return (
      !(await this.#leaderHas(sequence)) &&
      (await this.lastSequence()) >= sequence &&
      !(await this.#leaderHas(sequence))
    );
  }

  async #leaderHas(sequence: number): Promise<boolean> {
    const subject = `$JS.API.STREAM.MSG.GET.${this.#name.stream}`;
    const body = JSON.stringify({ seq: sequence });
    const answer = await this.#link.ask((connection) => connection.request(subject, body, { timeout: answerMs }));
    const { error } = answer.json<{ error?: { code: number; description: string } }>();
    if (error !== undefined && error.code !== 404)
      throw new MeshError('unavailable', `message ${sequence} can't be read: ${error.description}`);
    return error === undefined;
  }

  #fetch(from: number, to: number): Promise<readonly StoredMessage[]> {
    const batch = Math.min(to - from + 1, requestMessages);
    const request = { seq: from, batch, max_bytes: requestBytes };
    return this.#link.ask((connection) => directGet(connection, this.#link.inbox(), { name: this.#name, request }));
  }
}

/** The messages up to the first that is not where it should be. */
function contiguous(messages: readonly StoredMessage[], from: number): readonly StoredMessage[] {
  const end = messages.findIndex((message, i) => message.sequence !== from + i);
  return end < 0 ? messages : messages.slice(0, end);
}

interface DirectGet {
  readonly name: StreamName;
  readonly request: { readonly seq: number; readonly batch: number; readonly max_bytes: number };
}

/** One request, many answers, closed by one without a message: status 204 (end of batch) or 404 (nothing there). */
function directGet(connection: NatsConnection, inbox: string, { name, request }: DirectGet): Promise<StoredMessage[]> {
  return new Promise((resolve, reject) => {
    const messages: StoredMessage[] = [];
    const end = (error?: Error) => {
      clearTimeout(silence);
      subscription.unsubscribe();
      if (error === undefined) resolve(messages);
      else reject(error);
    };
    const silence = setTimeout(() => end(new Error('no answer to a direct get')), answerMs);
    const subscription = connection.subscribe(inbox, {
      callback: (error, msg) => {
        if (error) return end(error);
        const code = msg.headers?.code ?? 503;
        if (code === 204 || code === 404) return end();
        if (code !== 0) return end(new Error(`direct get: ${code} ${msg.headers?.description ?? 'no responders'}`));
        messages.push(directMessage(msg, name));
        silence.refresh();
      },
    });
    connection.publish(`$JS.API.DIRECT.GET.${name.stream}`, JSON.stringify(request), { reply: inbox });
  });
}

function directMessage(msg: Msg, { subjectPrefix }: StreamName): StoredMessage {
  const header = (name: string) => msg.headers?.get(name) ?? '';
  const subject = header('Nats-Subject').slice(subjectPrefix.length + 1);
  return storedMessage({ sequence: Number(header('Nats-Sequence')), subject }, msg.string(), header);
}
