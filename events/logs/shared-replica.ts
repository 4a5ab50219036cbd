// What a process knows of a log that it shares with others: every event passes its checks once, then 50 bytes and its subject stay in memory.
import { MeshError } from '../../lib/mesh-error.ts';
import { ChainVerifier } from '../chain-verifier.ts';
import { checkpointSubject } from '../checkpoint.ts';
import type { RecordedEvent } from '../envelope.ts';
import { decodeEvent } from '../event-codec.ts';
import { subjectMatches } from '../event-filter.ts';
import { hashEventText } from '../event-hash.ts';
import type { Head } from '../event-log.ts';
import type { SubjectHead } from './append-plan.ts';
import { RecentEvents } from './shared-recent.ts';
import { SequenceMap } from './shared-sequences.ts';
import { kindOf, type StoredMessage } from './shared-stream.ts';
import { blockOf, blockSize, fingerprintOf, SqliteIndex } from './sqlite-index.ts';

/** Positions between rolling hashes that are kept: a past head is computed from at most so many events. */
export const hashEvery = 64;

/**
 * Follows a stream message by message. Its `head` moves only where a batch ends. Throws MeshError `corrupt`, naming the position, when
 * a message can't be the next one; nothing more is to be given to it then.
 */
export class LogReplica {
  /** Last message that was taken. */
  sequence = 0;
  /** End of the last whole batch. */
  head: Head = { position: 0, hash: '', time: undefined };
  /** Position of the last checkpoint event; 0: none. */
  lastCheckpoint = 0;
  readonly recent = new RecentEvents();
  readonly #verifier = new ChainVerifier({ ids: false });
  readonly #index = new SqliteIndex();
  readonly #subjectKeys = new Map<string, number>();
  readonly #sequences = new SequenceMap();
  /** By position: 32 bits of the event's hash, so that what is read again later is known to be the same. */
  #prints = new Int32Array(blockSize);
  /** Rolling hashes of positions `hashEvery`, twice that, … */
  readonly #hashes: string[] = [];

  /** Takes the next message; one that was taken before is ignored. */
  accept(message: StoredMessage): void {
    if (message.sequence <= this.sequence) return;
    const first = this.#verifier.state.position + 1;
    if (message.sequence !== this.sequence + 1) throw this.#corrupt('the stream has no message for it');
    for (const text of message.texts) this.#add(text, message);
    this.#sequences.add(message.sequence, first, message.texts.length);
    this.sequence = message.sequence;
    if (!message.endsBatch) return;
    const { position, hash, time } = this.#verifier.state;
    this.head = { position, hash, time };
  }

  #add(text: string, message: StoredMessage): void {
    let event: RecordedEvent;
    try {
      event = decodeEvent(text);
    } catch (error) {
      throw this.#corrupt(error instanceof Error ? error.message : String(error));
    }
    if (kindOf(event.subject) !== message.kind) throw this.#corrupt(`${event.subject} lies among ${message.kind}`);
    const problem = this.#verifier.add(event, text);
    if (problem !== undefined) throw this.#corrupt(problem);
    const { position, hash } = this.#verifier.state;
    this.#index.add({
      fingerprint: fingerprintOf(event.id),
      subject: this.#subjectKey(event.subject),
      timeMs: Date.parse(event.time),
    });
    if (position >= this.#prints.length) this.#prints = doubled(this.#prints);
    this.#prints[position] = printOf(text);
    if (position % hashEvery === 0) this.#hashes.push(hash);
    if (event.subject === checkpointSubject) this.lastCheckpoint = position;
    this.recent.push(position, text, message.endsBatch);
  }

  #corrupt(problem: string): MeshError {
    return new MeshError('corrupt', `position ${this.nextPosition}: ${problem}`);
  }

  #subjectKey(subject: string): number {
    const known = this.#subjectKeys.get(subject);
    if (known !== undefined) return known;
    this.#subjectKeys.set(subject, this.#subjectKeys.size);
    return this.#subjectKeys.size - 1;
  }

  /** Position of the next event, whether or not its batch has ended. */
  get nextPosition(): number {
    return this.#verifier.state.position + 1;
  }

  /** Whether the last message that was taken ended its batch. */
  get atBatchEnd(): boolean {
    return this.#verifier.state.position === this.head.position;
  }

  subject(subject: string): SubjectHead | undefined {
    return this.#verifier.subject(subject);
  }

  /** Positions of events whose id may be `id`: compare what lies there. */
  candidates(id: string): readonly number[] {
    return [...this.#index.candidates(fingerprintOf(id))];
  }

  /** Positions within the span whose subject is `subject` or lies below it, ascending. */
  positionsOf(subject: string, from: number, to: number): readonly number[] {
    const keys = new Set<number>();
    for (const [known, key] of this.#subjectKeys) if (subjectMatches(known, subject)) keys.add(key);
    return this.#index.positionsOf(keys, { from, to, max: Number.POSITIVE_INFINITY }) ?? [];
  }

  /** The last span through `to` that may have an event at or before the time; undefined when all are later. */
  spanAt(timeMs: number, to: number): { readonly from: number; readonly to: number } | undefined {
    let block = Math.min(this.#index.blockAt(timeMs), blockOf(to));
    while (block >= 0 && this.#index.entry(block * blockSize + 1).timeMs > timeMs) block--;
    if (block < 0) return undefined;
    return { from: block * blockSize + 1, to: Math.min((block + 1) * blockSize, to) };
  }

  /** Message that holds the event, and the position of that message's first event. */
  messageOf(position: number): { readonly sequence: number; readonly first: number } {
    return this.#sequences.of(position);
  }

  /** Position of the first event of a message that was taken, or of the next one. */
  firstOf(sequence: number): number {
    return this.#sequences.firstOf(sequence);
  }

  /** The nearest kept rolling hash at or before `position`. */
  hashBefore(position: number): { readonly position: number; readonly hash: string } {
    const kept = Math.min(Math.floor(position / hashEvery), this.#hashes.length);
    return { position: kept * hashEvery, hash: this.#hashes[kept - 1] ?? '' };
  }

  /** What is wrong with a text that was read again at `position`, or undefined. */
  difference(position: number, text: string): string | undefined {
    return this.#prints[position] === printOf(text) ? undefined : 'the event is not the one that was there before';
  }
}

function printOf(text: string): number {
  return fingerprintOf(hashEventText(text));
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(array.length * 2);
  longer.set(array);
  return longer;
}
