// The log as the appends of one batch see it: each sees what those before it in the batch are about to store.
import { checkpointSubject } from '../checkpoint.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { LogView, PlannedEvent, SubjectHead } from './append-plan.ts';
import type { LogReplica } from './shared-replica.ts';

/** Thrown away when the batch is not taken. */
export class ReplicaView implements LogView {
  position: number;
  logHash: string;
  lastCheckpoint: number;
  readonly #replica: LogReplica;
  /** What lies at every position that may hold an id that is asked for. */
  readonly #known: ReadonlyMap<number, RecordedEvent>;
  readonly #ids = new Map<string, RecordedEvent>();
  readonly #subjects = new Map<string, SubjectHead>();

  constructor(replica: LogReplica, known: ReadonlyMap<number, RecordedEvent>) {
    this.#replica = replica;
    this.#known = known;
    this.position = replica.head.position;
    this.logHash = replica.head.hash;
    this.lastCheckpoint = replica.lastCheckpoint;
  }

  find(id: string): RecordedEvent | undefined {
    const added = this.#ids.get(id);
    if (added !== undefined) return added;
    for (const position of this.#replica.candidates(id)) {
      const event = this.#known.get(position);
      if (event?.id === id) return event;
    }
    return undefined;
  }

  subject(subject: string): SubjectHead | undefined {
    return this.#subjects.get(subject) ?? this.#replica.subject(subject);
  }

  /** Takes note of a batch that is to be stored. */
  advance(batch: readonly PlannedEvent[]): void {
    for (const { event, hash, logHash } of batch) {
      this.position = event.position;
      this.logHash = logHash;
      this.#ids.set(event.id, event);
      this.#subjects.set(event.subject, { version: event.version, hash });
      if (event.subject === checkpointSubject) this.lastCheckpoint = event.position;
    }
  }
}
