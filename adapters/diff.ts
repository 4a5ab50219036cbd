// Compares what a source shows now with what it last said, and makes the facts of the difference. No difference, no facts.
import { eventId } from '../events/event-id.ts';
import type { Append } from '../events/event-log.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { compareStrings } from '../mesh/compare.ts';
import type { Observed } from './adapter.ts';
import { existFact, type Fact, goneFact, subjectOf } from './fact.ts';
import { type Said, scopedSource } from './source-memory.ts';

/** What the source said before: a SourceMemory, or a test's stand-in. */
export interface Before {
  readonly source: string;
  /** By subject. */
  readonly said: ReadonlyMap<string, Said>;
  version(subject: string): number;
  /** Subjects said to exist in a scope. */
  subjectsIn(scope: string): Iterable<string>;
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
  const toAppend = (fact: Fact, scope: string) => appendOf(before, fact, { scope, ...stamp });
  const registered: Append[] = [];
  for (const [subject, { scope, observed }] of shown) {
    const said = before.said.get(subject);
    if (!said || !sameJson(said.observed.value, observed.value)) registered.push(toAppend(existFact(observed), scope));
  }
  const deregistered: Append[] = [];
  for (const scope of contents.keys()) {
    for (const subject of before.subjectsIn(scope)) {
      const said = before.said.get(subject);
      if (said && !shown.has(subject)) deregistered.push(toAppend(goneFact(said.observed), scope));
    }
  }
  registered.sort(bySubject);
  deregistered.sort(bySubject);
  return { registered, deregistered, claims: new Map([...shown].map(([subject, { scope }]) => [subject, scope])) };
}

/** `fact` as the next event of its subject, as far as `before` knows. */
export function appendOf(
  before: Pick<Before, 'source' | 'version'>,
  fact: Fact,
  stamp: { readonly scope: string; readonly actor: string; readonly time: string; readonly causes?: readonly string[] },
): Append {
  const { scope, actor, time, causes = [] } = stamp;
  const source = scopedSource(before.source, scope);
  const version = before.version(fact.subject);
  const id = eventId({ source, subject: fact.subject, revision: version, content: [fact.type, fact.data] });
  return { event: { id, source, ...fact, actor, time, causes }, expectedVersion: version };
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

/** What is appended must not depend on the order in which a platform lists things. */
function bySubject(a: Append, b: Append): number {
  return compareStrings(a.event.subject, b.event.subject);
}

/** mesh/config/same-content.ts without allocations: a relist compares tens of thousands of objects that are nearly all equal. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  let missing = 0;
  for (const name in left) {
    if (left[name] === undefined) continue;
    if (!sameJson(left[name], right[name])) return false;
    missing++;
  }
  for (const name in right) if (right[name] !== undefined) missing--;
  return missing === 0;
}
