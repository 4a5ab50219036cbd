// What one source has said so far, folded from its own events: the "before" that new observations are compared with.
import type { RecordedEvent } from '../events/envelope.ts';
import type { Observed } from './adapter.ts';
import { observedIn } from './fact.ts';

/** Something that the source said to exist, in the scope that last showed it. */
export interface Said {
  readonly scope: string;
  readonly observed: Observed;
}

/** Names the writer: `/adapters/PLATFORM/INSTANCE`; events carry it with `#SCOPE`, so that a restart knows each scope's content. */
export function sourceOf(adapter: { readonly platform: string; readonly instance: string }): string {
  return `/adapters/${encodeURIComponent(adapter.platform)}/${encodeURIComponent(adapter.instance)}`;
}

/** The `source` of events about `scope`. */
export function scopedSource(source: string, scope: string): string {
  return `${source}#${encodeURIComponent(scope)}`;
}

/** Mutable; belongs to one runner. */
export class SourceMemory {
  readonly source: string;
  /** By subject; what it said to be gone is absent. */
  readonly #said = new Map<string, Said>();
  /** The same by scope: a change costs what its scopes hold, not what the platform does. */
  readonly #subjects = new Map<string, Set<string>>();
  /** Of subjects that anybody wrote, as far as events were shown to this memory. */
  readonly #versions = new Map<string, number>();

  constructor(source: string) {
    this.source = source;
  }

  get said(): ReadonlyMap<string, Said> {
    return this.#said;
  }

  /** The subject's last known version; 0 when it has none. */
  version(subject: string): number {
    return this.#versions.get(subject) ?? 0;
  }

  /** Scopes that something is said to exist in, in order. */
  scopes(): readonly string[] {
    return [...this.#subjects.keys()].sort();
  }

  /** What is said to exist in `scope`. */
  subjectsIn(scope: string): Iterable<string> {
    return this.#subjects.get(scope) ?? [];
  }

  /** Takes note of an event, the source's own or another writer's. Seeing one again does no harm when all later ones follow. */
  absorb(event: RecordedEvent): void {
    this.#versions.set(event.subject, event.version);
    const scope = this.#scopeOf(event.source);
    if (scope === undefined) return;
    const observed = observedIn(event.type, event.data);
    this.#put(event.subject, observed && { scope, observed });
  }

  /** `scope` shows the subject now; nothing about it has changed, so there is no event. */
  claim(subject: string, scope: string): void {
    const said = this.#said.get(subject);
    if (said && said.scope !== scope) this.#put(subject, { ...said, scope });
  }

  #put(subject: string, said: Said | undefined): void {
    const before = this.#said.get(subject)?.scope;
    if (before !== undefined && before !== said?.scope) {
      const others = this.#subjects.get(before);
      others?.delete(subject);
      if (others?.size === 0) this.#subjects.delete(before);
    }
    if (said === undefined) {
      this.#said.delete(subject);
      return;
    }
    this.#said.set(subject, said);
    const own = this.#subjects.get(said.scope);
    if (own) own.add(subject);
    else this.#subjects.set(said.scope, new Set([subject]));
  }

  #scopeOf(source: string): string | undefined {
    const prefix = `${this.source}#`;
    return source.startsWith(prefix) ? decodeURIComponent(source.slice(prefix.length)) : undefined;
  }
}
