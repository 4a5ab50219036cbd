// Key sets that were fetched for RequestAuthentications, folded from policy facts.
import type { RecordedEvent } from '../events/envelope.ts';
import type { FetchedKeySet, JwksFetched } from '../events/policy-facts.ts';
import type { Projection } from '../events/projection.ts';
import { noGraves, put, unapply, type Versioned } from './versioned.ts';

/** The newest word on a key set. */
export interface KeySet extends FetchedKeySet {
  /** Position of the event; the next one's id is made from it. */
  readonly position: number;
}

/** Mutable; readers get `view`, which is replaced and never changed. */
export interface KeySetState {
  readonly byUri: Map<string, Versioned<KeySet>>;
  view: ReadonlyMap<string, KeySet>;
}

const noKeySets: ReadonlyMap<string, KeySet> = new Map();

/** Folds JwksFetched. A failure keeps the keys that were there. */
export const keySetProjection: Projection<KeySetState> = {
  name: 'key-sets',
  init: () => ({ byUri: new Map(), view: noKeySets }),
  evolve: evolveKeySets,
};

function evolveKeySets(state: KeySetState, event: RecordedEvent): KeySetState {
  const fact = event as unknown as JwksFetched;
  if (fact.type !== 'io.periplus.policy.jwks-fetched') return state;
  const { uri } = fact.data;
  const jwks = fact.data.jwks ?? state.byUri.get(uri)?.value?.jwks;
  const value: KeySet = { ...fact.data, ...(jwks === undefined ? {} : { jwks }), position: event.position };
  put(state.byUri, uri, event.position, value, noGraves());
  refresh(state);
  return state;
}

/** Un-applies the event at `position` if it is about a key set. */
export function unapplyFromKeySets(state: KeySetState, position: number): void {
  if (unapply(state.byUri, position) !== undefined) refresh(state);
}

function refresh(state: KeySetState): void {
  const entries = [...state.byUri].flatMap(([uri, { value }]) => (value ? [[uri, value] as const] : []));
  state.view = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
