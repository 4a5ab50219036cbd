// What the catalog says of an event type.
import type { NewEvent } from './envelope.ts';

/** The part of Periplus that writes a type; each subject has one writer. */
export type WriterGroup = 'registry' | 'config' | 'identity' | 'policy' | 'delivery' | 'system';

/** What the catalog says of an event type. */
export interface CatalogEntry<Event extends NewEvent = NewEvent> {
  readonly type: Event['type'];
  readonly group: WriterGroup;
  /** Which log of MeshLogs holds it. */
  readonly log: 'facts' | 'deliveries' | 'both';
  /** The subject, with its variable parts in capitals. */
  readonly subject: string;
  /** What happened, in one sentence. */
  readonly meaning: string;
  /** What `data` holds. */
  readonly data: string;
  /** An example of `data`. */
  readonly example: Event['data'];
}

/** An entry for each member of a union of events, so that the compiler finds a missing one. */
export type CatalogOf<Event extends NewEvent> = {
  readonly [Type in Event['type']]: Omit<CatalogEntry<Extract<Event, { readonly type: Type }>>, 'type'>;
};
