// Key sets that were fetched for RequestAuthentications, folded from policy facts.
import type { RecordedEvent } from '../events/envelope.ts';
import type { FetchedKeySet, JwksFetched } from '../events/policy-facts.ts';
import type { Projection } from '../events/projection.ts';
import { type KeyedView, noKeyedView, putInView } from './versioned.ts';

/** The newest word on a key set. */
export interface KeySet extends FetchedKeySet {
  /** Position of the event; the next one's id is made from it. */
  readonly position: number;
}

/** By URI. */
export type KeySetState = KeyedView<KeySet>;

/** Folds JwksFetched. A failure keeps the keys that were there. */
export const keySetProjection: Projection<KeySetState> = {
  name: 'key-sets',
  init: noKeyedView<KeySet>,
  evolve: evolveKeySets,
};

function evolveKeySets(state: KeySetState, event: RecordedEvent): KeySetState {
  const fact = event as unknown as JwksFetched;
  if (fact.type !== 'io.periplus.policy.jwks-fetched') return state;
  const { uri } = fact.data;
  const jwks = fact.data.jwks ?? state.view.get(uri)?.jwks;
  const value: KeySet = { ...fact.data, ...(jwks === undefined ? {} : { jwks }), position: event.position };
  putInView(state, uri, event.position, value);
  return state;
}
