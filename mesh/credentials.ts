// What is known of the credentials that gateways name, folded from policy facts: versions and expiry, never keys.
import type { CredentialObserved, ObservedCredential } from '../events/credential-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { Projection } from '../events/projection.ts';
import { noGraves, put, unapply, type Versioned } from './versioned.ts';

/** The newest word on a credential. */
export interface Credential extends ObservedCredential {
  /** Position of the event; the next one's id is made from it. */
  readonly position: number;
}

/** Mutable; readers get `view`, which is replaced and never changed. */
export interface CredentialState {
  readonly byKey: Map<string, Versioned<Credential>>;
  view: ReadonlyMap<string, Credential>;
}

/** Folds CredentialObserved. */
export const credentialProjection: Projection<CredentialState> = {
  name: 'credentials',
  init: () => ({ byKey: new Map(), view: new Map() }),
  evolve: evolveCredentials,
};

function evolveCredentials(state: CredentialState, event: RecordedEvent): CredentialState {
  const fact = event as unknown as CredentialObserved;
  if (fact.type !== 'io.periplus.policy.credential-observed') return state;
  const value: Credential = { ...fact.data, position: event.position };
  put(state.byKey, `${value.namespace}/${value.name}`, event.position, value, noGraves());
  refresh(state);
  return state;
}

/** Un-applies the event at `position` if it is about a credential. */
export function unapplyFromCredentials(state: CredentialState, position: number): void {
  if (unapply(state.byKey, position) !== undefined) refresh(state);
}

function refresh(state: CredentialState): void {
  const entries = [...state.byKey].flatMap(([key, { value }]) => (value ? [[key, value] as const] : []));
  state.view = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
