// Lets only one replica of an adapter deregister: the one that opened the newest session in the log.
import { type AdapterFact, type AdapterIdentity, sessionSubject } from '../events/adapter-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { eventId } from '../events/event-id.ts';
import type { Append } from '../events/event-log.ts';
import type { SourceMemory } from './source-memory.ts';

/** Where several replicas of an adapter may share a log. */
export interface SessionOptions {
  /** Unique to this run of this replica. */
  readonly holder: string;
  /**
   * How long a replica that is not the holder lets a difference stand before it takes over, in milliseconds. 30,000 by default:
   * longer than a busy holder takes, short enough for a dead one.
   */
  readonly takeoverMs?: number;
}

/** Mutable; belongs to one runner. */
export class SessionFence {
  readonly #options: SessionOptions;
  readonly #adapter: AdapterIdentity;
  readonly #subject: string;
  /** Who opened the newest session that this replica knows of. */
  #holder: string | undefined;

  constructor(options: SessionOptions, adapter: AdapterIdentity) {
    this.#options = options;
    this.#adapter = { platform: adapter.platform, instance: adapter.instance };
    this.#subject = sessionSubject(adapter);
  }

  get takeoverMs(): number {
    return this.#options.takeoverMs ?? 30_000;
  }

  /** Whether this replica is the one that may deregister, as far as it knows. */
  get isHolder(): boolean {
    return this.#holder === this.#options.holder;
  }

  /** Takes note of an event that is in the log. */
  absorb(event: RecordedEvent): void {
    if (event.subject !== this.#subject) return;
    const fact = event as unknown as AdapterFact;
    if (fact.type === 'io.periplus.registry.session-opened') this.#holder = fact.data.holder;
  }

  /** Makes this replica the holder. */
  opening(memory: SourceMemory, stamp: { readonly actor: string; readonly time: string }): Append {
    return this.#fact('io.periplus.registry.session-opened', memory, stamp);
  }

  /** Goes into every batch that deregisters: in conflict when another replica has opened a session that this one has not seen. */
  confirmation(memory: SourceMemory, stamp: { readonly actor: string; readonly time: string }): Append {
    return this.#fact('io.periplus.registry.session-confirmed', memory, stamp);
  }

  #fact(type: string, memory: SourceMemory, stamp: { readonly actor: string; readonly time: string }): Append {
    const { source } = memory;
    const subject = this.#subject;
    const expectedVersion = memory.version(subject);
    const data = { ...this.#adapter, holder: this.#options.holder };
    const id = eventId({ source, subject, revision: expectedVersion, content: { type, data } });
    return { event: { id, source, subject, type, data, ...stamp, causes: [] }, expectedVersion };
  }
}
