// The event of a stream that was not let in.
import { refusedSubject, type StreamRefused } from '../../events/delivery-facts.ts';
import type { StreamRefusal } from './xds/stream-observer.ts';

/** Envoy's ids are shorter; a stranger's may be anything. */
const maxClaimLength = 500;

/** The event; its subject is that of who showed the certificate, never of the proxy that was claimed. */
export function refusalEvent(
  { streamId, proxyId, peer, spiffeId, reason }: StreamRefusal,
  { pilot, time }: { readonly pilot: string; readonly time: string },
): StreamRefused & { readonly causes: readonly string[] } {
  const claimed = proxyId.slice(0, maxClaimLength).toWellFormed();
  return {
    id: `${pilot}/${streamId}/refused`,
    source: `/pilot/${pilot}`,
    type: 'io.periplus.delivery.stream-refused',
    subject: refusedSubject(spiffeId),
    time,
    actor: spiffeId === undefined ? 'system:pilot' : `workload:${spiffeId}`,
    causes: [],
    data: { pilot, streamId, claimed, peer, ...(spiffeId !== undefined && { spiffeId }), reason },
  };
}
