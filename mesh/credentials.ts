// What is known of the credentials that gateways name, folded from policy facts: versions and expiry, never keys.
import type { CredentialObserved, ObservedCredential } from '../events/credential-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { Projection } from '../events/projection.ts';
import { type KeyedView, noKeyedView, putInView } from './versioned.ts';

/** The newest word on a credential. */
export interface Credential extends ObservedCredential {
  /** Position of the event; the next one's id is made from it. */
  readonly position: number;
}

/** By `NAMESPACE/NAME`. */
export type CredentialState = KeyedView<Credential>;

/** Folds CredentialObserved. */
export const credentialProjection: Projection<CredentialState> = {
  name: 'credentials',
  init: noKeyedView<Credential>,
  evolve: evolveCredentials,
};

function evolveCredentials(state: CredentialState, event: RecordedEvent): CredentialState {
  const fact = event as unknown as CredentialObserved;
  if (fact.type !== 'io.periplus.policy.credential-observed') return state;
  const value: Credential = { ...fact.data, position: event.position };
  putInView(state, `${value.namespace}/${value.name}`, event.position, value);
  return state;
}
