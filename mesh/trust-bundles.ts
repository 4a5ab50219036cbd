// Which authorities vouch for which trust domain: this mesh's own and those that it is federated with, folded from identity facts.
import type { RecordedEvent } from '../events/envelope.ts';
import type { BundlePublished, FederatedBundleUpdated, FederationEnded } from '../events/identity-facts.ts';
import type { Projection } from '../events/projection.ts';
import { type KeyedView, noKeyedView, putInView, unapplyFromView } from './versioned.ts';

/** Roots (PEM) by trust domain, in its order; the maps are replaced and never changed. */
export interface TrustBundles {
  /** Published by Citadels of this log. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** Fetched from, or given for, other meshes. */
  readonly federated: ReadonlyMap<string, readonly string[]>;
}

/** Mutable; readers get `view`. */
export interface TrustState {
  readonly own: KeyedView<readonly string[]>;
  readonly federated: KeyedView<readonly string[]>;
  view: TrustBundles;
}

/** Before the first bundle. */
export const noTrustBundles: TrustBundles = { own: new Map(), federated: new Map() };

/** Folds BundlePublished, FederatedBundleUpdated and FederationEnded. */
export const trustProjection: Projection<TrustState> = {
  name: 'trust-bundles',
  init: () => ({ own: noKeyedView(), federated: noKeyedView(), view: noTrustBundles }),
  evolve: evolveTrust,
};

function evolveTrust(state: TrustState, event: RecordedEvent): TrustState {
  const fact = event as unknown as BundlePublished | FederatedBundleUpdated | FederationEnded;
  const { position } = event;
  switch (fact.type) {
    case 'io.periplus.identity.bundle-published':
      putInView(state.own, fact.data.trustDomain, position, fact.data.roots);
      break;
    case 'io.periplus.identity.federated-bundle-updated':
      putInView(state.federated, fact.data.trustDomain, position, fact.data.roots);
      break;
    case 'io.periplus.identity.federation-ended':
      putInView(state.federated, fact.data.trustDomain, position, undefined);
      break;
    default:
      return state;
  }
  refresh(state);
  return state;
}

/** Un-applies the event at `position` if it is about a bundle. */
export function unapplyFromTrust(state: TrustState, position: number): void {
  const changed = [unapplyFromView(state.own, position), unapplyFromView(state.federated, position)];
  if (changed.includes(true)) refresh(state);
}

function refresh(state: TrustState): void {
  state.view = { own: state.own.view, federated: state.federated.view };
}
