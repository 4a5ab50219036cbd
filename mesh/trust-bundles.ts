// Which authorities vouch for which trust domain: this mesh's own and those that it is federated with, folded from identity facts.
import type { RecordedEvent } from '../events/envelope.ts';
import type { BundlePublished, FederatedBundleUpdated, FederationEnded } from '../events/identity-facts.ts';
import type { Projection } from '../events/projection.ts';
import { noGraves, put, unapply, type Versioned } from './versioned.ts';

/** Roots (PEM) by trust domain, in its order; the maps are replaced and never changed. */
export interface TrustBundles {
  /** Published by Citadels of this log. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** Fetched from, or given for, other meshes. */
  readonly federated: ReadonlyMap<string, readonly string[]>;
}

/** Mutable; readers get `view`. */
export interface TrustState {
  readonly own: Map<string, Versioned<readonly string[]>>;
  readonly federated: Map<string, Versioned<readonly string[]>>;
  view: TrustBundles;
}

/** Before the first bundle. */
export const noTrustBundles: TrustBundles = { own: new Map(), federated: new Map() };

/** Folds BundlePublished, FederatedBundleUpdated and FederationEnded. */
export const trustProjection: Projection<TrustState> = {
  name: 'trust-bundles',
  init: () => ({ own: new Map(), federated: new Map(), view: noTrustBundles }),
  evolve: evolveTrust,
};

function evolveTrust(state: TrustState, event: RecordedEvent): TrustState {
  const fact = event as unknown as BundlePublished | FederatedBundleUpdated | FederationEnded;
  const { position } = event;
  switch (fact.type) {
    case 'io.periplus.identity.bundle-published':
      put(state.own, fact.data.trustDomain, position, fact.data.roots, noGraves());
      break;
    case 'io.periplus.identity.federated-bundle-updated':
      put(state.federated, fact.data.trustDomain, position, fact.data.roots, noGraves());
      break;
    case 'io.periplus.identity.federation-ended':
      put(state.federated, fact.data.trustDomain, position, undefined, noGraves());
      break;
    default:
      return state;
  }
  refresh(state);
  return state;
}

/** Un-applies the event at `position` if it is about a bundle. */
export function unapplyFromTrust(state: TrustState, position: number): void {
  const changed = [unapply(state.own, position), unapply(state.federated, position)];
  if (changed.some((key) => key !== undefined)) refresh(state);
}

function refresh(state: TrustState): void {
  const viewOf = (values: ReadonlyMap<string, Versioned<readonly string[]>>) =>
    new Map(
      [...values]
        .flatMap(([domain, { value }]) => (value ? [[domain, value] as const] : []))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  state.view = { own: viewOf(state.own), federated: viewOf(state.federated) };
}
