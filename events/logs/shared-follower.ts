// Keeps a replica at the head of its stream: reads what it has missed, then has new messages sent, and begins again when that breaks off.
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { LogReplica } from './shared-replica.ts';
import type { SharedStream, StoredMessage } from './shared-stream.ts';

/** What a follower needs. */
export interface FollowerOptions {
  readonly stream: SharedStream;
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
    const { clock, stream } = this.#options;
    let last = await stream.lastSequence();
    for (let tries = 0; last < known && tries < shorter.tries; tries++) {
      await clock.sleep(shorter.waitMs, this.#stop.signal).catch(() => {});
      last = await stream.lastSequence();
    }
    return last;
  }

  async #readTo(lastSequence: number): Promise<void> {
    const { sequence } = this.replica;
    // Begins with the last message that is known: it must still be the same.
    for await (const { messages, missing } of this.#options.stream.messages(Math.max(1, sequence), lastSequence)) {
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
    const { clock, logger, stream } = this.#options;
    while (!signal.aborted && this.#fault === undefined) {
      try {
        await this.catchUp();
        if (this.#fault !== undefined) return;
        await stream.follow({ after: this.replica.sequence, signal, take: (message) => this.#take(message) });
      } catch (error) {
        if (stream.connected) logger.warn({ error: messageOf(error) }, 'following the log broke off; beginning again');
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  /** Whether to go on: what does not follow is looked into by reading again. */
  #take(message: StoredMessage): boolean {
    if (message.sequence <= this.replica.sequence + 1) this.accept(message);
    return this.#fault === undefined && message.sequence <= this.replica.sequence;
  }
}
