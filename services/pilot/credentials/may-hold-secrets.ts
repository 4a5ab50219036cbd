// Which peers may be sent private keys.
import type { StreamIdentity } from '../xds/stream-observer.ts';

/**
 * Over mutual TLS every proxy that was let in: its namespace is its certificate's. Over plaintext only a proxy on Pilot's own machine: anybody on a network could claim to be the gateway, and anybody on the way could
 * read the key. (Istio refuses plaintext altogether; here the demo and a single machine need no certificates.)
 */
export function mayHoldSecrets({ peer, spiffeId }: Pick<StreamIdentity, 'peer' | 'spiffeId'>): boolean {
  if (spiffeId !== undefined) return true;
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|\[::ffff:127\.\d+\.\d+\.\d+\]):\d+$/.test(peer);
}
