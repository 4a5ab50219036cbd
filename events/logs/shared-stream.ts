// What a log that several processes share needs of the server it lies in: a stream of messages that is only ever added to.
import type { LogSnapshot } from '../event-log.ts';
import type { PlannedEvent } from './append-plan.ts';

/** An event as it was read, not parsed yet. */
export interface EventText {
  readonly position: number;
  readonly text: string;
  /** Whether it is the last of those that were committed together. */
  readonly endsBatch: boolean;
}

/** A message as the stream holds it. */
export interface StoredMessage {
  /** Its place in the stream: 1, 2, 3, … */
  readonly sequence: number;
  /** First part of its events' subjects, which permissions to publish go by. */
  readonly kind: string;
  /** Canonical texts of its events, in order. */
  readonly texts: readonly string[];
  /** Whether everything up to it was committed together with it or before it. */
  readonly endsBatch: boolean;
}

/** Messages in order without a gap; `missing` is the sequence of one that the stream should hold and does not: nothing follows. */
export interface MessageChunk {
  readonly messages: readonly StoredMessage[];
  readonly missing?: number;
}

/**
 * One stream on a server. All calls reject with MeshError `unavailable` while the server is away. `LogReplica` checks what it gives;
 * `StreamWriter` and `LogFollower` make a log of it (shared-log.ts).
 */
export interface SharedStream {
  /** For people. */
  readonly name: string;
  /** False while the server is known to be away. */
  readonly connected: boolean;
  /** Events that are stored in one go when several appends wait; a single append may have more. */
  readonly groupEvents: number;
  /** The stream's last message; 0 when it is empty or gone. */
  lastSequence(): Promise<number>;
  /** The messages `from` to `to`, both included, in chunks. */
  messages(from: number, to: number): AsyncIterable<MessageChunk>;
  /**
   * Stores events, at least one, all or nothing and durably, if the stream's last message is `after`; gives them as they were stored.
   * Undefined when the stream has moved on: nothing was stored. Rejects with `exhausted` when they are more than the server takes at once;
   * when it rejects with `unavailable` they may have been stored all the same, and who knows ids finds out.
   */
  publish(planned: readonly PlannedEvent[], after: number): Promise<readonly StoredMessage[] | undefined>;
  /** Gives new messages to `take` as the server sends them, from `after` + 1 on, until `take` says no, `signal` aborts or anything breaks off. */
  follow(options: {
    readonly after: number;
    readonly signal: AbortSignal;
    /** Whether to go on. */
    readonly take: (message: StoredMessage) => boolean;
  }): Promise<void>;
}

/** Where the snapshots of one log are kept. Calls reject with MeshError `unavailable` while the server is away. */
export interface SharedSnapshots {
  /** Saves it durably; one of the same name and position is replaced. */
  save(snapshot: LogSnapshot): Promise<void>;
  /** Whole snapshots of `name` at or before `position`, newest first. */
  load(name: string, position: number): AsyncIterable<LogSnapshot>;
}

/** What permissions to publish go by: the first part of an aggregate's subject, and of `registry` and `system` the second too. */
export function kindOf(subject: string): string {
  const [first = '', second = ''] = subject.split('/', 2);
  return first === 'registry' || first === 'system' ? `${first}/${second}` : first;
}
