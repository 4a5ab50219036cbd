// Compares what a source shows now with what it last said, and makes the facts of the difference. No difference, no facts.
import { eventId } from '../events/event-id.ts';
import type { Append } from '../events/event-log.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { sameContent } from '../mesh/config/same-content.ts';
import type { Observed } from './adapter.ts';
import { type Fact, factOf, goneFact, subjectOf } from './fact.ts';
import { type Said, scopedSource } from './source-memory.ts';

/** What the source said before: a SourceMemory, or a test's stand-in. */
export interface Before {
  readonly source: string;
  /** By subject. */
  readonly said: ReadonlyMap<string, Said>;
  version(subject: string): number;
}

/** The differences. Appends are in subject order, what exists before what is gone. */
export interface Difference {
  readonly registered: readonly Append[];
  readonly deregistered: readonly Append[];
  /** Scope by subject, for everything that the contents show: unchanged things may have moved to another scope. */
  readonly claims: ReadonlyMap<string, string>;
}

/**
 * The difference that `contents` (whole scopes) make. Compared is only what this source itself said: a resource that somebody else
 * changed later stays as they left it until the source's own content changes. An id holds the subject's version, so that the same
 * content coming back after it had gone is a new event, while a retry is not. Throws MeshError `invalid` when a subject is shown twice.
 */
export function diffScopes(
  before: Before,
  contents: ReadonlyMap<string, readonly Observed[]>,
  stamp: { readonly actor: string; readonly time: string },
): Difference {
  const shown = showing(contents);
  const toAppend = (fact: Fact, scope: string): Append => {
    const source = scopedSource(before.source, scope);
    const version = before.version(fact.subject);
    const id = eventId({ source, subject: fact.subject, revision: version, content: [fact.type, fact.data] });
    return { event: { id, source, ...fact, ...stamp, causes: [] }, expectedVersion: version };
  };
  const registered: Append[] = [];
  for (const [subject, { scope, observed }] of inOrder(shown)) {
    const said = before.said.get(subject);
    if (!said || !sameContent(said.observed.value, observed.value)) registered.push(toAppend(factOf(observed), scope));
  }
  const deregistered: Append[] = [];
  for (const [subject, { scope, observed }] of inOrder(before.said)) {
    if (contents.has(scope) && !shown.has(subject)) deregistered.push(toAppend(goneFact(observed), scope));
  }
  return { registered, deregistered, claims: new Map([...shown].map(([subject, { scope }]) => [subject, scope])) };
}

function showing(contents: ReadonlyMap<string, readonly Observed[]>): Map<string, Said> {
  const shown = new Map<string, Said>();
  for (const [scope, items] of contents) {
    for (const observed of items) {
      const subject = subjectOf(observed);
      const other = shown.get(subject);
      if (other) throw new MeshError('invalid', `${subject} is shown twice: in ${other.scope} and in ${scope}`);
      shown.set(subject, { scope, observed });
    }
  }
  return shown;
}

function inOrder<T>(entries: ReadonlyMap<string, T>): [string, T][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
