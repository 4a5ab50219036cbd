// Lets only the replica that opened the newest session in the log write what an adapter shows.
import { type AdapterFact, type AdapterIdentity, sessionSubject } from '../events/adapter-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { eventId } from '../events/event-id.ts';
import type { Append } from '../events/event-log.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { SourceMemory } from './source-memory.ts';

/** Where several replicas of an adapter may share a log: one term of one of them. */
export interface SessionOptions {
  /** Unique to this term. */
  readonly holder: string;
  /** Of the lease that allows the term. */
  readonly epoch: number;
  /**
   * Whether the lease is still held. It is asked after the log was read and before the session is opened at the version that was read:
   * whoever lost the lease in between is met by the next holder's session.
   */
  readonly confirm: () => Promise<boolean>;
}

/** Mutable; belongs to one runner. */
export class SessionFence {
  readonly #options: SessionOptions;
  readonly #adapter: AdapterIdentity;
  readonly #subject: string;
  /** Version of the session's subject at which this replica opened its own; undefined before. */
  #openedAt: number | undefined;
  /** Who opened the newest session that this replica knows of. */
  #newest: string | undefined;

  constructor(options: SessionOptions, adapter: AdapterIdentity) {
    this.#options = options;
    this.#adapter = { platform: adapter.platform, instance: adapter.instance };
    this.#subject = sessionSubject(adapter);
  }

  get isOpen(): boolean {
    return this.#newest === this.#options.holder;
  }

  /** Takes note of an event that is in the log. Throws MeshError `conflict` when another replica has taken over. */
  absorb(event: RecordedEvent): void {
    if (event.subject !== this.#subject) return;
    const fact = event as unknown as AdapterFact;
    if (fact.type !== 'io.periplus.registry.session-opened') return;
    this.#newest = fact.data.holder;
    if (this.isOpen) this.#openedAt = event.version;
    else if (this.#openedAt !== undefined) throw this.#replaced(fact.data.holder);
  }

  /** The append that makes this replica the one that writes. Throws MeshError `conflict` when the lease is no longer held. */
  async opening(memory: SourceMemory, stamp: { readonly actor: string; readonly time: string }): Promise<Append> {
    const { holder, epoch, confirm } = this.#options;
    const expectedVersion = memory.version(this.#subject);
    if (!(await confirm())) throw this.#replaced('another replica');
    const { source } = memory;
    const subject = this.#subject;
    const type = 'io.periplus.registry.session-opened';
    const data = { ...this.#adapter, holder, epoch };
    const id = eventId({ source, subject, revision: expectedVersion, content: { type, data } });
    return { event: { id, source, subject, type, data, ...stamp, causes: [] }, expectedVersion };
  }

  /** The appends, refused by the log once another replica has opened a session. */
  guarded(batch: readonly Append[]): readonly Append[] {
    const requires = [{ subject: this.#subject, version: this.#openedAt ?? 0 }];
    return batch.map((append) => ({ ...append, requires }));
  }

  #replaced(by: string): MeshError {
    const { platform, instance } = this.#adapter;
    return new MeshError('conflict', `${by} writes what ${platform} ${instance} shows now`);
  }
}
