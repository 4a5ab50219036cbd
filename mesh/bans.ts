// Banned identities, folded from identity facts: Citadel gives them nothing, proxies refuse their connections, Pilot serves them nothing.
import type { RecordedEvent } from '../events/envelope.ts';
import type { IdentityBanned, IdentityUnbanned } from '../events/identity-facts.ts';
import type { Projection } from '../events/projection.ts';
import type { MeshConfig } from './config/mesh-config.ts';
import { noGraves, put, unapply, type Versioned } from './versioned.ts';

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

/** Mutable; readers get `view`. */
export interface BanState {
  readonly byId: Map<string, Versioned<Ban>>;
  view: Bans;
}

/** Nobody is banned. */
export const noBans: Bans = new Map();

/** Folds IdentityBanned and IdentityUnbanned. */
export const banProjection: Projection<BanState> = {
  name: 'bans',
  init: () => ({ byId: new Map(), view: noBans }),
  evolve: evolveBans,
};

function evolveBans(state: BanState, event: RecordedEvent): BanState {
  const fact = event as unknown as IdentityBanned | IdentityUnbanned;
  const isBan = fact.type === 'io.periplus.identity.identity-banned';
  if (!isBan && fact.type !== 'io.periplus.identity.identity-unbanned') return state;
  const { spiffeId, reason } = fact.data;
  const { actor, time } = event;
  put(state.byId, spiffeId, event.position, isBan ? { spiffeId, reason, actor, time } : undefined, noGraves());
  refresh(state);
  return state;
}

/** Un-applies the event at `position` if it is about a ban. */
export function unapplyFromBans(state: BanState, position: number): void {
  if (unapply(state.byId, position) !== undefined) refresh(state);
}

function refresh(state: BanState): void {
  const entries = [...state.byId].flatMap(([id, { value }]) => (value ? [[id, value] as const] : []));
  state.view = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
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
