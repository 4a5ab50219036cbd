// Decides bans: the fact that a command means, or why it can't be. Pure.
import type { IdentityBanned, IdentityUnbanned } from '../events/identity-facts.ts';
import type { Bans } from './bans.ts';
import { controlPlaneId, controlPlaneParts, formatSpiffeId, parseSpiffeId } from './spiffe-id.ts';

/** What somebody wants. */
export interface BanCommand {
  readonly spiffeId: string;
  readonly banned: boolean;
  readonly reason: string;
}

/** The fact to append, `unchanged` where it is so already, or what is wrong. */
export type BanDecision =
  | {
      readonly kind: 'fact';
      readonly fact: Pick<IdentityBanned, 'type' | 'data'> | Pick<IdentityUnbanned, 'type' | 'data'>;
    }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Decides on the bans as they are. The control plane's own identities can't be banned: nobody could be told of anything then. */
export function decideBan(bans: Bans, { spiffeId, banned, reason }: BanCommand): BanDecision {
  const parsed = parseSpiffeId(spiffeId);
  if (!parsed.ok) return { kind: 'refused', reason: `this is no SPIFFE ID of a workload: ${parsed.reason}` };
  const { trustDomain } = parsed.id;
  const own = controlPlaneParts.map((part) => formatSpiffeId(controlPlaneId(trustDomain, part)));
  if (own.includes(spiffeId)) return { kind: 'refused', reason: 'the control plane itself can not be banned' };
  if (bans.has(spiffeId) === banned) return { kind: 'unchanged' };
  const type = banned ? 'io.periplus.identity.identity-banned' : 'io.periplus.identity.identity-unbanned';
  return { kind: 'fact', fact: { type, data: { spiffeId, reason } } };
}
