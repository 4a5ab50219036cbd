// When the last certificate of each CA ends: before that, taking the CA out of the bundle would break whoever holds one.
import type { EventLog } from '../../../events/event-log.ts';

/**
 * Ms since the epoch by authority, of certificates issued after `sinceMs` (nothing that was issued longer ago than the longest life is
 * still valid).
 */
export async function lastExpiryByAuthority(facts: EventLog, sinceMs: number): Promise<ReadonlyMap<string, number>> {
  const from = (await facts.positionAt(new Date(sinceMs).toISOString())) + 1;
  const last = new Map<string, number>();
  const issued = facts.read({ from, subject: 'identity', types: ['io.periplus.identity.certificate-issued'] });
  for await (const { data } of issued) {
    const { authority, notAfter } = Object(data) as { readonly authority: string; readonly notAfter: string };
    last.set(authority, Math.max(last.get(authority) ?? 0, Date.parse(notAfter)));
  }
  return last;
}
