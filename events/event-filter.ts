// Which events a reader wants: by subject (or a prefix of it) and by type.
import type { RecordedEvent } from './envelope.ts';

/** As in ReadOptions: a subject or the path above it, and types; absent means any. */
export interface EventFilter {
  readonly subject?: string;
  readonly types?: readonly string[];
}

/** Whether `subject` is `wanted` or lies below it: `config/Gateway` takes in `config/Gateway/default/web`. */
export function subjectMatches(subject: string, wanted: string): boolean {
  return subject === wanted || subject.startsWith(`${wanted}/`);
}

/** The filter as a function; undefined when everything passes, so that readers can skip asking. */
export function eventFilter(
  filter: EventFilter,
): ((event: Pick<RecordedEvent, 'subject' | 'type'>) => boolean) | undefined {
  const { subject } = filter;
  const types = filter.types === undefined ? undefined : new Set(filter.types);
  if (subject === undefined && types === undefined) return undefined;
  return (event) =>
    (subject === undefined || subjectMatches(event.subject, subject)) && (types === undefined || types.has(event.type));
}
