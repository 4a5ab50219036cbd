// Which peers may be sent private keys.
import type { StreamIdentity } from '../xds/stream-observer.ts';

/**
 * Whoever proved by its certificate that it is of the namespace that its node claims. Over plaintext only a proxy on Pilot's own machine:
 * anybody on a network could claim to be the gateway, and anybody on the way could read the key. (Istio refuses plaintext
 * altogether; here a single machine needs no certificates.)
 */
export function mayHoldSecrets({ peer, spiffeId }: Pick<StreamIdentity, 'peer' | 'spiffeId'>): boolean {
  return spiffeId !== undefined || /^(127\.\d+\.\d+\.\d+|\[::1\]|\[::ffff:127\.\d+\.\d+\.\d+\]):\d+$/.test(peer);
}
