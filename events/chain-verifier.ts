// Checks a whole log event by event: positions, versions, ids, the hash chain of every subject, and what checkpoints say.
import { type CheckpointRecorded, checkpointSubject } from './checkpoint.ts';
import type { RecordedEvent } from './envelope.ts';
import { newEventProblem } from './event-codec.ts';
import { hashEventText, rollHash } from './event-hash.ts';

/** A verifier's findings so far. */
export interface ChainState {
  /** Events found good. */
  readonly position: number;
  /** Rolling hash through `position`. */
  readonly hash: string;
  /** Time of the event at `position`. */
  readonly time: string | undefined;
}

/** Feed it every event of a log from the first on; the first problem it names is where the log stops being trustworthy. */
export class ChainVerifier {
  #position = 0;
  #hash = '';
  #time: string | undefined;
  readonly #subjects = new Map<string, { version: number; hash: string }>();
  readonly #ids: Set<string> | undefined;
  /** Rolling hashes by position since the last checkpoint's `through`: the next checkpoint speaks of one of them. */
  #recent = new Map<number, string>();

  /** `ids: false` leaves the uniqueness of ids to a store whose index guarantees it, which saves the memory. */
  constructor(options: { readonly ids?: boolean } = {}) {
    this.#ids = options.ids === false ? undefined : new Set();
  }

  get state(): ChainState {
    return { position: this.#position, hash: this.#hash, time: this.#time };
  }

  /** Version and hash of a subject's last event so far. */
  subject(subject: string): { readonly version: number; readonly hash: string } | undefined {
    return this.#subjects.get(subject);
  }

  /** Takes the next event, as stored (not upcast), with the canonical text that was hashed. Returns what is wrong, or undefined. */
  add(event: RecordedEvent, text: string): string | undefined {
    const hash = hashEventText(text);
    const problem = this.#problem(event) ?? this.#checkpointProblem(event);
    if (problem !== undefined) return problem;
    this.#ids?.add(event.id);
    this.#subjects.set(event.subject, { version: event.version, hash });
    this.#position = event.position;
    this.#hash = rollHash(this.#hash, hash);
    this.#time = event.time;
    this.#recent.set(event.position, this.#hash);
    return undefined;
  }

  #problem(event: RecordedEvent): string | undefined {
    const before = this.#subjects.get(event.subject) ?? { version: 0, hash: '' };
    if (event.position !== this.#position + 1)
      return `the event after position ${this.#position} says it is ${event.position}`;
    if (event.version !== before.version + 1)
      return `${event.subject} goes from version ${before.version} to ${event.version}`;
    if (event.previousHash !== before.hash)
      return `the hash chain of ${event.subject} breaks at version ${event.version}`;
    if (this.#ids?.has(event.id)) return `id ${event.id} occurs a second time`;
    const malformed = newEventProblem(event);
    return malformed === undefined ? undefined : `the event ${malformed}`;
  }

  #checkpointProblem(event: RecordedEvent): string | undefined {
    if (event.subject !== checkpointSubject) return undefined;
    const { through, hash } = event.data as CheckpointRecorded['data'];
    if (this.#recent.get(through) !== hash) return `a checkpoint says the log through ${through} was another one`;
    for (const position of this.#recent.keys()) if (position <= through) this.#recent.delete(position);
    return undefined;
  }
}
