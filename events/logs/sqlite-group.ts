// The log as the appends of one transaction see it: each sees what those before it in the group have stored.
import { checkpointSubject } from '../checkpoint.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { Head } from '../event-log.ts';
import type { LogView, PlannedEvent, SubjectHead } from './append-plan.ts';
import type { SqliteStore } from './sqlite-store.ts';

/** A `LogView` that moves on with the transaction; thrown away when it fails. */
export class GroupView implements LogView {
  head: Head;
  lastCheckpoint: number;
  readonly #store: SqliteStore;

  constructor(store: SqliteStore, head: Head, lastCheckpoint: number) {
    this.#store = store;
    this.head = head;
    this.lastCheckpoint = lastCheckpoint;
  }

  get position(): number {
    return this.head.position;
  }

  get logHash(): string {
    return this.head.hash;
  }

  find(id: string): RecordedEvent | undefined {
    const position = this.#store.findId(id);
    return position === undefined ? undefined : this.#store.rows.at(position);
  }

  subject(subject: string): SubjectHead | undefined {
    return this.#store.subject(subject);
  }

  /** Takes note of a batch that has been stored. */
  advance(batch: readonly PlannedEvent[]): void {
    for (const { event, logHash } of batch) {
      this.head = { position: event.position, hash: logHash, time: event.time };
      if (event.subject === checkpointSubject) this.lastCheckpoint = event.position;
    }
  }
}
