// Deterministic event ids: the same occurrence of the same fact always has the same id, so that a retry is a no-op.
import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/** What an id is made of. */
export interface EventIdentity {
  readonly source: string;
  readonly subject: string;
  /**
   * What tells this occurrence from an earlier one with equal content (up, down, up again): the platform's own revision
   * (resourceVersion, ModifyIndex), else the subject's version that the event follows. Without it the second `up` would be
   * taken for a retry of the first and be dropped.
   */
  readonly revision: string | number;
  /** Usually `{ type, data }`. */
  readonly content: unknown;
}

/** 22 characters (128 bits of SHA-256, base64url). Throws MeshError `invalid` when `content` can't be JSON. */
export function eventId(identity: EventIdentity): string {
  const { source, subject, revision, content } = identity;
  return hash('sha256', canonicalJson([source, subject, revision, content]), 'base64url').slice(0, 22);
}
