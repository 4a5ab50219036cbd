// Banned identities, folded from identity facts: Citadel gives them nothing, proxies refuse their connections, Pilot serves them nothing.
import type { RecordedEvent } from '../events/envelope.ts';
import type { IdentityBanned, IdentityUnbanned } from '../events/identity-facts.ts';
import type { Projection } from '../events/projection.ts';
import type { MeshConfig } from './config/mesh-config.ts';
import { type KeyedView, noKeyedView, putInView } from './versioned.ts';

/** One ban. */
export interface Ban {
  readonly spiffeId: string;
  readonly reason: string;
  /** Who banned it and when (RFC 3339). */
  readonly actor: string;
  readonly time: string;
}

/** Bans by SPIFFE ID, in its order; replaced and never changed. */
export type Bans = ReadonlyMap<string, Ban>;

/** By SPIFFE ID. */
export type BanState = KeyedView<Ban>;

/** Nobody is banned. */
export const noBans: Bans = new Map();

/** Folds IdentityBanned and IdentityUnbanned. */
export const banProjection: Projection<BanState> = {
  name: 'bans',
  init: noKeyedView<Ban>,
  evolve: evolveBans,
};

function evolveBans(state: BanState, event: RecordedEvent): BanState {
  const fact = event as unknown as IdentityBanned | IdentityUnbanned;
  const isBan = fact.type === 'io.periplus.identity.identity-banned';
  if (!isBan && fact.type !== 'io.periplus.identity.identity-unbanned') return state;
  const { spiffeId, reason } = fact.data;
  const { actor, time } = event;
  putInView(state, spiffeId, event.position, isBan ? { spiffeId, reason, actor, time } : undefined);
  return state;
}

/** Whether a workload is banned under any of the mesh's trust domains. */
export function isBanned(
  bans: Bans,
  workload: { readonly namespace: string; readonly serviceAccount: string },
  { trustDomain, trustDomainAliases = [] }: MeshConfig,
): boolean {
  if (bans.size === 0) return false;
  const path = `/ns/${workload.namespace}/sa/${workload.serviceAccount}`;
  return [trustDomain, ...trustDomainAliases].some((domain) => bans.has(`spiffe://${domain}${path}`));
}
