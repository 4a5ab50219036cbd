// Who calls the admin API, what they may do, and under which name events tell of them.
import type { FastifyRequest } from 'fastify';
import { MeshError } from '../../../../lib/mesh-error.ts';

/** `read` sees everything, `write` changes as well. */
export type Role = 'read' | 'write';
/** Every role. */
export const roles: readonly Role[] = ['read', 'write'];

/** Who calls. */
export interface Caller {
  readonly role: Role;
  /** Name in events: `token:NAME`, a SPIFFE ID, or `certificate:SUBJECT`. Undefined for this machine's users, who say who they are. */
  readonly name: string | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on what is open to everybody. */
    caller: Caller | null;
  }
}

/** Names that only a proof gives. */
const proven = /^(token|certificate|spiffe|system|proxy|pilot):/i;

/**
 * The `actor` of events that follow from `request`: the proven name. Only users of this machine, of whom nothing is proven, say themselves who
 * they are. Throws MeshError `invalid` when they claim a name that would look proven.
 */
export function actorOf({ caller }: Pick<FastifyRequest, 'caller'>, claimed: string | undefined): string {
  if (caller?.name !== undefined) return caller.name;
  const actor = claimed ?? 'user:unknown';
  if (proven.test(actor))
    throw new MeshError('invalid', `actor: "${actor}" is a name that has to be proven; use user:NAME`);
  return actor;
}
