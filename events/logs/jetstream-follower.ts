// Keeps a replica at the head of its stream: reads what it has missed, then has new messages sent, and begins again when that breaks off.
import { type ConsumerMessages, DeliverPolicy, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { NatsLink } from './jetstream-link.ts';
import { type StoredMessage, storedMessage } from './jetstream-message.ts';
import type { StreamName, StreamReader } from './jetstream-reader.ts';
import { LogReplica } from './jetstream-replica.ts';

/** What a follower needs. */
export interface FollowerOptions extends StreamName {
  readonly link: NatsLink;
  readonly reader: StreamReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the head has moved or a fault has been found. */
  readonly onChange: () => void;
}

/** Wait before it begins again after a failure. */
const retryMs = 100;
/** How often, and at what distance, a batch that is stored in part is looked at again: the server stores one in milliseconds. */
const partial = { tries: 20, waitMs: 50 } as const;
/**
 * How often, and at what distance, a stream that seems to have lost its end is looked at again: a leader that was just elected takes
 * a moment to apply what its peers had acknowledged, and one that was deposed a few seconds to notice.
 */
const shorter = { tries: 20, waitMs: 100 } as const;
/** New messages are sent ahead by so many: enough to fill the time of a round trip. */
const aheadMessages = 1000;
/** The server says every second that it is still there; a consumer that is silent for two is made anew. */
const heartbeatMs = 1_000;
/** The server forgets a consumer that nobody asks for this long; in nanoseconds, as its API takes it. */
const inactiveNanos = 30_000_000_000;

/** Follows one stream, from the first message on. */
export class LogFollower {
  readonly replica = new LogReplica();
  #fault: MeshError | undefined;
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  #catching: Promise<void> = Promise.resolve();
  #following: Promise<void> = Promise.resolve();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Damage that was found in the stream; nothing after it is known, and nothing may be appended. */
  get fault(): MeshError | undefined {
    return this.#fault;
  }

  /** Remembers damage that someone has met; gives the first that was met. */
  noteFault(fault: MeshError): MeshError {
    this.#fault ??= fault;
    this.#options.onChange();
    return this.#fault;
  }

  /** Begins to follow; call it once, after the first `catchUp`. */
  start(): void {
    this.#following = this.#follow(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** Takes a message that the server has stored. Damage becomes `fault`. */
  accept(message: StoredMessage): void {
    if (this.#fault !== undefined) return;
    const before = this.replica.head;
    try {
      this.replica.accept(message);
    } catch (error) {
      this.noteFault(error as MeshError);
    }
    if (this.replica.head !== before) this.#options.onChange();
  }

  /** Reads up to what is the stream's last message now. Rejects with `unavailable`; damage becomes `fault` instead. */
  catchUp(): Promise<void> {
    const next = this.#catching.then(() => this.#readMissed());
    this.#catching = next.catch(() => {});
    return next;
  }

  async #readMissed(): Promise<void> {
    const { clock } = this.#options;
    for (let tries = 0; tries <= partial.tries; tries++) {
      if (this.#fault !== undefined) return;
      // Taken before asking: the replica may move on while the answer is on its way.
      const known = this.replica.sequence;
      const lastSequence = await this.#lastSequence(known);
      if (lastSequence < known) return this.#noteShorter(lastSequence);
      await this.#readTo(lastSequence);
      if (this.replica.atBatchEnd || this.#fault !== undefined) return;
      // The server may be in the middle of storing a batch.
      await clock.sleep(partial.waitMs);
    }
    const problem = 'the stream ends in the middle of a batch: the rest of it is lost';
    this.noteFault(new MeshError('corrupt', `position ${this.replica.nextPosition}: ${problem}`));
  }

  /** The stream's last message; one before `known` is only believed when it stays so. */
  async #lastSequence(known: number): Promise<number> {
    const { clock, reader } = this.#options;
    let last = await reader.lastSequence();
    for (let tries = 0; last < known && tries < shorter.tries; tries++) {
      await clock.sleep(shorter.waitMs, this.#stop.signal).catch(() => {});
      last = await reader.lastSequence();
    }
    return last;
  }

  async #readTo(lastSequence: number): Promise<void> {
    const { sequence } = this.replica;
    // Begins with the last message that is known: it must still be the same.
    for await (const { messages, missing } of this.#options.reader.messages(Math.max(1, sequence), lastSequence)) {
      for (const message of messages) {
        if (message.sequence === sequence) this.#confirm(message);
        else this.accept(message);
        if (this.#fault !== undefined) return;
      }
      if (missing !== undefined) this.#noteMissing(missing);
    }
  }

  #confirm(message: StoredMessage): void {
    const first = this.replica.firstOf(message.sequence);
    for (const [i, text] of message.texts.entries()) {
      const problem = this.replica.difference(first + i, text);
      if (problem !== undefined) this.noteFault(new MeshError('corrupt', `position ${first + i}: ${problem}`));
    }
  }

  #noteShorter(lastSequence: number): void {
    const message = `position ${this.replica.firstOf(lastSequence + 1)}: the stream ends before it, but this process has read it up to ${this.replica.head.position}`;
    this.noteFault(new MeshError('corrupt', message));
  }

  #noteMissing(sequence: number): void {
    const problem = `the stream has lost message ${sequence}`;
    this.noteFault(new MeshError('corrupt', `position ${this.replica.firstOf(sequence)}: ${problem}`));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, link, logger } = this.#options;
    while (!signal.aborted && this.#fault === undefined) {
      try {
        await this.catchUp();
        if (this.#fault === undefined) await this.#consume(signal);
      } catch (error) {
        if (link.connected) logger.warn({ error: messageOf(error) }, 'following the log broke off; beginning again');
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  /** Takes what the server sends until the connection, the consumer or the order breaks. */
  async #consume(signal: AbortSignal): Promise<void> {
    const { link, stream } = this.#options;
    const consumer = await link.ask((connection) =>
      jetstream(connection).consumers.get(stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: this.replica.sequence + 1,
        inactive_threshold: inactiveNanos,
      }),
    );
    let messages: ConsumerMessages | undefined;
    const stop = () => messages?.stop();
    messages = await consumer.consume({
      max_messages: aheadMessages,
      idle_heartbeat: heartbeatMs,
      callback: (message) => {
        this.#receive(message);
        if (this.#fault !== undefined || message.seq > this.replica.sequence) stop();
      },
    });
    const forget = link.onReconnect(stop);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    void stopOnTrouble(messages);
    await messages.closed();
    forget();
    signal.removeEventListener('abort', stop);
    if (link.connected) await consumer.delete().catch(() => {});
  }

  #receive(message: JsMsg): void {
    // What does not follow is looked into by reading again.
    if (message.seq > this.replica.sequence + 1) return;
    const subject = message.subject.slice(this.#options.subjectPrefix.length + 1);
    const header = (name: string) => message.headers?.get(name) ?? '';
    this.accept(storedMessage({ sequence: message.seq, subject }, message.string(), header));
  }
}

async function stopOnTrouble(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status()) {
    if (type === 'heartbeats_missed' || type === 'consumer_not_found' || type === 'stream_not_found') messages.stop();
  }
}
