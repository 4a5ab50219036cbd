// Whether an identity is banned, asked of the log itself before anything is issued: no Citadel is behind the others.
import type { EventLog } from '../../../events/event-log.ts';
import { identitySubject } from '../../../events/identity-facts.ts';

const types = ['io.periplus.identity.identity-banned', 'io.periplus.identity.identity-unbanned'];

/** The newest word on it counts. Rejects as the log does: nobody is let in while it can't be read. */
export async function isIdentityBanned(facts: EventLog, spiffeId: string): Promise<boolean> {
  const newest = { subject: identitySubject(spiffeId), types, reverse: true, limit: 1 } as const;
  for await (const { type } of facts.read(newest)) return type === types[0];
  return false;
}
