// The state of a trust domain's CAs as the log has it, and the only way to change it: an append at the version that was read.
import type { RecordedEvent } from '../../../events/envelope.ts';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { authoritySubject } from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import { type AuthorityState, evolveAuthorities, noAuthorities } from './authority-state.ts';
import type { BareFact } from './rotation.ts';

/** See the file's first line. */
export class AuthorityLog {
  readonly #facts: EventLog;
  readonly #clock: Clock;
  readonly #source: string;
  readonly #subject: string;
  #state: AuthorityState = noAuthorities;
  #version = 0;
  #position = 0;
  #bundlePosition = 0;

  constructor(options: {
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly trustDomain: string;
    /** Of events: `/citadel/NAME`. */
    readonly source: string;
  }) {
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.#source = options.source;
    this.#subject = authoritySubject(options.trustDomain);
  }

  /** As of the last `catchUp`. */
  get state(): AuthorityState {
    return this.#state;
  }

  /** Position of the newest bundle's event; 0 before the first. */
  get bundlePosition(): number {
    return this.#bundlePosition;
  }

  /** Reads what has been appended since, by anybody. */
  async catchUp(): Promise<AuthorityState> {
    for await (const event of this.#facts.read({ from: this.#position + 1, subject: this.#subject })) this.#fold(event);
    return this.#state;
  }

  /** Appends facts that were decided on `state`; false when somebody else was quicker: decide again on the new state. */
  async append(facts: readonly BareFact[], actor: string): Promise<boolean> {
    const time = new Date(this.#clock.nowMs()).toISOString();
    const [source, subject] = [this.#source, this.#subject];
    const batch = facts.map((fact, index) => {
      const expectedVersion = this.#version + index;
      const id = eventId({ source, subject, revision: expectedVersion, content: fact });
      return { event: { id, source, subject, time, actor, causes: [], ...fact }, expectedVersion };
    });
    const result = await this.#facts.append(batch);
    await this.catchUp();
    return result.ok;
  }

  /** Yields after each change, by anybody, until `signal` aborts. */
  async *watch(signal: AbortSignal): AsyncGenerator<AuthorityState> {
    for await (const { events } of this.#facts.subscribe({ after: this.#position, signal, subject: this.#subject })) {
      for (const event of events) this.#fold(event);
      if (events.length > 0) yield this.#state;
    }
  }

  #fold(event: RecordedEvent): void {
    if (event.position <= this.#position || event.subject !== this.#subject) return;
    this.#state = evolveAuthorities(this.#state, event);
    this.#version = event.version;
    if (event.type === 'io.periplus.identity.bundle-published') this.#bundlePosition = event.position;
    this.#position = event.position;
  }
}
